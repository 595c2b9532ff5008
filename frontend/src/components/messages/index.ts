/** The inbox, the conversation and the connection banner. */
export { ConnectionBanner } from "./ConnectionBanner";
export { RealTimeChatWindow, type RealTimeChatWindowProps } from "./RealTimeChatWindow";
export { RealTimeMessageList, type RealTimeMessageListProps } from "./RealTimeMessageList";
