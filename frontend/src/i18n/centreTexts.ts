/** Words of the common components. */
export interface CommonTexts {
  readonly close: string;
  readonly retry: string;
  readonly loading: string;
  readonly errorTitle: string;
  readonly presence: Readonly<Record<"online" | "away" | "offline", string>>;
}

/** The notification centre, its bell and its toasts. */
export interface NotificationTexts {
  readonly title: string;
  /** Name of the bell, with how many are unread. */
  bell(unread: number): string;
  readonly filterLabel: string;
  readonly filters: Readonly<Record<"all" | "unread" | "urgent", string>>;
  unread(count: number): string;
  readonly priority: Readonly<Record<"urgent" | "high", string>>;
  readonly isUnread: string;
  readonly open: string;
  readonly markRead: string;
  readonly markAllRead: string;
  readonly clear: string;
  /** With the title, as the name of a button among many. */
  actionOn(action: string, title: string): string;
  readonly cleared: string;
  readonly undo: string;
  readonly loadMore: string;
  readonly loadingMore: string;
  readonly loading: string;
  readonly empty: Readonly<Record<"all" | "unread" | "urgent", { readonly title: string; readonly hint: string }>>;
  readonly errorTitle: string;
  readonly actionFailed: string;
  readonly settings: string;
  readonly sound: string;
  readonly soundHint: string;
  readonly push: string;
  readonly pushHint: Readonly<Record<"unsupported" | "off" | "on" | "denied" | "unavailable", string>>;
  /** Goes before what an announced toast says. */
  readonly toast: string;
  toastsRegion(hotkey: string): string;
  readonly dismiss: string;
}

/** Looking for people, and the dialog that opens a conversation. */
export interface PeopleTexts {
  readonly title: string;
  readonly description: string;
  readonly search: string;
  readonly searchHint: string;
  readonly results: string;
  found(count: number): string;
  readonly nobody: string;
  readonly nobodyHint: string;
  readonly nobodyYet: string;
  readonly nobodyYetHint: string;
  readonly loading: string;
  readonly loadMore: string;
  readonly errorTitle: string;
  readonly chosen: string;
  remove(name: string): string;
  readonly groupTitle: string;
  readonly groupTitleHint: string;
  readonly about: string;
  readonly aboutHint: string;
  readonly subjectType: string;
  readonly subjectTypes: Readonly<Record<SubjectType, string>>;
  readonly subjectTitle: string;
  readonly subjectTitleExample: string;
  readonly subjectId: string;
  readonly subjectIdHint: string;
  readonly optional: string;
  readonly cancel: string;
  readonly createDirect: string;
  readonly createGroup: string;
  readonly creating: string;
  readonly createFailed: string;
  /** Why the conversation cannot be created yet. */
  readonly missing: Readonly<Record<"person" | "title" | "subjectTitle" | "subjectId", string>>;
}

/** The pane of details of a thread. */
export interface DetailsTexts {
  readonly title: string;
  readonly about: string;
  readonly reference: string;
  readonly openSubject: string;
  readonly newTab: string;
  readonly name: string;
  readonly kind: string;
  readonly kinds: Readonly<Record<"direct" | "group", string>>;
  readonly created: string;
  createdBy(name: string): string;
  participants(count: number): string;
  more(count: number): string;
  readonly you: string;
  /** Only those worth a word: a plain member has none. */
  readonly roles: Readonly<Record<string, string>>;
  lastSeen(ago: string): string;
  readonly neverSeen: string;
  readonly loading: string;
  readonly errorTitle: string;
}

/** The kinds of thing that a person may say a conversation is about. */
export type SubjectType = "property" | "contract" | "visit";

/** Texts of the common components, notifications and people. */
export interface CentreTexts {
  readonly common: CommonTexts;
  readonly notifications: NotificationTexts;
  readonly people: PeopleTexts;
  readonly details: DetailsTexts;
}
