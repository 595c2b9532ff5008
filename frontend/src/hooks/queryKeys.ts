/** Where this library's data lies in TanStack Query's cache; `all` is the prefix of every key. */
export const queryKeys = {
  all: ["verihome"],
  /** InfiniteData of one page: a ThreadsState. */
  threads: () => ["verihome", "threads"],
  /** A Thread. */
  thread: (threadId: string) => ["verihome", "thread", threadId],
  /** InfiniteData of one page: the HistoryState of the whole loaded stretch. */
  messages: (threadId: string) => ["verihome", "messages", threadId],
  /** InfiniteData of one page: a NotificationsState. */
  notifications: () => ["verihome", "notifications"],
  /** InfiniteData of pages of people. */
  people: (query: string) => ["verihome", "people", query],
} as const satisfies Record<string, readonly string[] | ((id: string) => readonly string[])>;
