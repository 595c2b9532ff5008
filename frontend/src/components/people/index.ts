/** People: opening a conversation with them, and who is in one. */
export { NewConversation, type NewConversationProps } from "./NewConversation";
export { SubjectIcon } from "./SubjectIcon";
export { ThreadDetails, type ThreadDetailsProps } from "./ThreadDetails";
