import { daysBetween, type Formats } from "./formats";
import type { Locale } from "./index";

/** Texts of the inbox, the conversation, the composer and the connection banner. */
export interface ChatTexts {
  readonly inbox: {
    readonly title: string;
    readonly filter: string;
    readonly clearFilter: string;
    readonly newConversation: string;
    readonly loading: string;
    readonly loadingMore: string;
    readonly emptyTitle: string;
    readonly emptyHint: string;
    readonly noMatches: (query: string) => string;
    readonly noMatchesHint: string;
    readonly errorTitle: string;
    /** How many conversations a filter leaves. */
    readonly matches: (count: number) => string;
    readonly unread: (count: number) => string;
    /** Before the last message, when it is one's own. */
    readonly you: string;
    readonly noMessages: string;
    readonly typing: string;
    readonly typingName: (name: string) => string;
    readonly group: string;
    readonly unnamed: string;
  };
  readonly header: {
    readonly back: string;
    readonly details: string;
    readonly online: string;
    readonly away: string;
    readonly offline: string;
    /** "last seen today at 14:05"; takes RFC 3339. */
    readonly lastSeen: (at: string, formats: Formats, now?: Date) => string;
    readonly participants: (count: number) => string;
    readonly typing: string;
    readonly typingNames: (names: readonly string[]) => string;
  };
  readonly subject: {
    readonly about: string;
    /** What a subject's type is called; a type that we do not know is shown as it is. */
    readonly type: (type: string) => string;
  };
  readonly history: {
    readonly label: (name: string) => string;
    readonly loading: string;
    readonly loadingOlder: string;
    readonly loadingNewer: string;
    readonly unreadSeparator: string;
    readonly jumpToLatest: string;
    readonly jumpToNew: (count: number) => string;
    /** Told to screen readers when several came at once. */
    readonly arrivals: (count: number) => string;
    readonly arrival: (name: string, text: string) => string;
    readonly emptyTitle: string;
    readonly emptyHint: string;
    readonly errorTitle: string;
    readonly notFoundTitle: string;
    readonly notFoundHint: string;
    readonly typing: (names: readonly string[]) => string;
  };
  readonly message: {
    readonly you: string;
    readonly system: string;
    readonly unknownSender: string;
    readonly sending: string;
    readonly sent: string;
    readonly delivered: string;
    readonly read: string;
    readonly failed: string;
    readonly failedBecause: (reason: string) => string;
    readonly retry: string;
    readonly discard: string;
    readonly opensInNewTab: string;
  };
  readonly composer: {
    readonly label: (name: string) => string;
    readonly placeholder: string;
    readonly send: string;
    readonly emoji: string;
    readonly remaining: (count: number) => string;
    readonly tooLong: (over: number) => string;
  };
  readonly emoji: {
    readonly title: string;
    readonly search: string;
    readonly loading: string;
    readonly empty: (query: string) => string;
    readonly error: string;
    readonly skinTone: string;
  };
  readonly connection: {
    readonly connecting: string;
    readonly reconnecting: string;
    readonly offline: string;
    readonly retryIn: (seconds: number) => string;
    readonly retryNow: string;
    readonly refused: string;
    /** The server works, but news of others come late. */
    readonly degraded: string;
    readonly online: string;
  };
}

type Forms = Partial<Record<Intl.LDMLPluralRule, string>> & { readonly other: string };

/** Chooses the form for a count and writes the count for `#`. */
function plural(locale: Locale, forms: Forms): (count: number) => string {
  const rules = new Intl.PluralRules(locale);
  const numbers = new Intl.NumberFormat(locale);
  return (count) => (forms[rules.select(count)] ?? forms.other).replace("#", numbers.format(count));
}

const es: ChatTexts = {
  inbox: {
    title: "Conversaciones",
    filter: "Buscar conversaciones",
    clearFilter: "Borrar búsqueda",
    newConversation: "Nueva conversación",
    loading: "Cargando conversaciones",
    loadingMore: "Cargando más conversaciones",
    emptyTitle: "Aún no tienes conversaciones",
    emptyHint: "Aquí verás los mensajes con inquilinos, propietarios y proveedores.",
    noMatches: (query) => `Nada coincide con «${query}»`,
    noMatchesHint: "Prueba con otro nombre o asunto.",
    errorTitle: "No se pudieron cargar las conversaciones",
    matches: plural("es", { one: "# conversación", other: "# conversaciones" }),
    unread: plural("es", { one: "# mensaje sin leer", other: "# mensajes sin leer" }),
    you: "Tú:",
    noMessages: "Sin mensajes todavía",
    typing: "escribiendo…",
    typingName: (name) => `${name} está escribiendo…`,
    group: "Grupo",
    unnamed: "Conversación",
  },
  header: {
    back: "Volver a las conversaciones",
    details: "Detalles de la conversación",
    online: "en línea",
    away: "ausente",
    offline: "desconectado",
    lastSeen(at, formats, now = new Date()) {
      const days = daysBetween(new Date(at), now);
      const day = formats.day(at, now).toLocaleLowerCase("es");
      return `últ. vez ${days > 1 ? "el " : ""}${day} a las ${formats.time(at)}`;
    },
    participants: plural("es", { one: "# participante", other: "# participantes" }),
    typing: "escribiendo…",
    typingNames: (names) => (names.length === 1 ? `${names[0]} está escribiendo…` : `${names.length} escribiendo…`),
  },
  subject: {
    about: "Asunto",
    type: (type) => ({ property: "Inmueble", contract: "Contrato", visit: "Visita" })[type] ?? type,
  },
  history: {
    label: (name) => `Mensajes con ${name}`,
    loading: "Cargando mensajes",
    loadingOlder: "Cargando mensajes anteriores",
    loadingNewer: "Cargando mensajes posteriores",
    unreadSeparator: "Mensajes sin leer",
    jumpToLatest: "Ir al último mensaje",
    jumpToNew: plural("es", {
      one: "Ir al último mensaje, # mensaje nuevo",
      other: "Ir al último mensaje, # mensajes nuevos",
    }),
    arrivals: plural("es", { one: "# mensaje nuevo", other: "# mensajes nuevos" }),
    arrival: (name, text) => `${name}: ${text}`,
    emptyTitle: "Escribe el primer mensaje",
    emptyHint: "Lo que escribas aquí solo lo ven los participantes de esta conversación.",
    errorTitle: "No se pudieron cargar los mensajes",
    notFoundTitle: "Esta conversación no existe",
    notFoundHint: "Puede que se haya eliminado o que ya no participes en ella.",
    typing(names) {
      if (names.length === 1) return `${names[0]} está escribiendo…`;
      if (names.length === 2) return `${names[0]} y ${names[1]} están escribiendo…`;
      return "Varias personas están escribiendo…";
    },
  },
  message: {
    you: "Tú",
    system: "Sistema",
    unknownSender: "Persona desconocida",
    sending: "Enviando",
    sent: "Enviado",
    delivered: "Entregado",
    read: "Leído",
    failed: "No enviado",
    failedBecause: (reason) => `No enviado: ${reason}`,
    retry: "Reintentar",
    discard: "Descartar",
    opensInNewTab: "se abre en otra pestaña",
  },
  composer: {
    label: (name) => `Mensaje para ${name}`,
    placeholder: "Escribe un mensaje",
    send: "Enviar",
    emoji: "Emojis",
    remaining: plural("es", { one: "Queda # carácter", other: "Quedan # caracteres" }),
    tooLong: plural("es", {
      one: "El mensaje es demasiado largo: sobra # carácter",
      other: "El mensaje es demasiado largo: sobran # caracteres",
    }),
  },
  emoji: {
    title: "Elegir un emoji",
    search: "Buscar un emoji",
    loading: "Cargando emojis",
    empty: (query) => `No hay emojis para «${query}»`,
    error: "No se pudieron cargar los emojis",
    skinTone: "Cambiar el tono de piel",
  },
  connection: {
    connecting: "Conectando…",
    reconnecting: "Reconectando…",
    offline: "Sin conexión.",
    retryIn: (seconds) => `Reintento en ${seconds} s`,
    retryNow: "Reintentar ahora",
    refused: "No se pudo iniciar la sesión.",
    degraded: "Los mensajes pueden llegar con algo de retraso.",
    online: "Conexión restablecida",
  },
};

const en: ChatTexts = {
  inbox: {
    title: "Conversations",
    filter: "Search conversations",
    clearFilter: "Clear search",
    newConversation: "New conversation",
    loading: "Loading conversations",
    loadingMore: "Loading more conversations",
    emptyTitle: "No conversations yet",
    emptyHint: "Messages with tenants, landlords and service providers will appear here.",
    noMatches: (query) => `Nothing matches “${query}”`,
    noMatchesHint: "Try another name or subject.",
    errorTitle: "The conversations could not be loaded",
    matches: plural("en", { one: "# conversation", other: "# conversations" }),
    unread: plural("en", { one: "# unread message", other: "# unread messages" }),
    you: "You:",
    noMessages: "No messages yet",
    typing: "typing…",
    typingName: (name) => `${name} is typing…`,
    group: "Group",
    unnamed: "Conversation",
  },
  header: {
    back: "Back to conversations",
    details: "Conversation details",
    online: "online",
    away: "away",
    offline: "offline",
    lastSeen(at, formats, now = new Date()) {
      const days = daysBetween(new Date(at), now);
      const day = formats.day(at, now);
      return `last seen ${days > 1 ? `on ${day}` : day.toLocaleLowerCase("en")} at ${formats.time(at)}`;
    },
    participants: plural("en", { one: "# participant", other: "# participants" }),
    typing: "typing…",
    typingNames: (names) => (names.length === 1 ? `${names[0]} is typing…` : `${names.length} are typing…`),
  },
  subject: {
    about: "Subject",
    type: (type) => ({ property: "Property", contract: "Contract", visit: "Visit" })[type] ?? type,
  },
  history: {
    label: (name) => `Messages with ${name}`,
    loading: "Loading messages",
    loadingOlder: "Loading earlier messages",
    loadingNewer: "Loading later messages",
    unreadSeparator: "Unread messages",
    jumpToLatest: "Jump to the latest message",
    jumpToNew: plural("en", {
      one: "Jump to the latest message, # new message",
      other: "Jump to the latest message, # new messages",
    }),
    arrivals: plural("en", { one: "# new message", other: "# new messages" }),
    arrival: (name, text) => `${name}: ${text}`,
    emptyTitle: "Write the first message",
    emptyHint: "Only the participants of this conversation see what you write here.",
    errorTitle: "The messages could not be loaded",
    notFoundTitle: "This conversation does not exist",
    notFoundHint: "It may have been deleted, or you no longer take part in it.",
    typing(names) {
      if (names.length === 1) return `${names[0]} is typing…`;
      if (names.length === 2) return `${names[0]} and ${names[1]} are typing…`;
      return "Several people are typing…";
    },
  },
  message: {
    you: "You",
    system: "System",
    unknownSender: "Unknown person",
    sending: "Sending",
    sent: "Sent",
    delivered: "Delivered",
    read: "Read",
    failed: "Not sent",
    failedBecause: (reason) => `Not sent: ${reason}`,
    retry: "Retry",
    discard: "Discard",
    opensInNewTab: "opens in a new tab",
  },
  composer: {
    label: (name) => `Message to ${name}`,
    placeholder: "Write a message",
    send: "Send",
    emoji: "Emojis",
    remaining: plural("en", { one: "# character left", other: "# characters left" }),
    tooLong: plural("en", {
      one: "The message is too long: # character over",
      other: "The message is too long: # characters over",
    }),
  },
  emoji: {
    title: "Choose an emoji",
    search: "Search for an emoji",
    loading: "Loading emojis",
    empty: (query) => `No emojis for “${query}”`,
    error: "The emojis could not be loaded",
    skinTone: "Change the skin tone",
  },
  connection: {
    connecting: "Connecting…",
    reconnecting: "Reconnecting…",
    offline: "No connection.",
    retryIn: (seconds) => `Trying again in ${seconds} s`,
    retryNow: "Try now",
    refused: "You could not be signed in.",
    degraded: "Messages may arrive with some delay.",
    online: "Connected again",
  },
};

/** By locale; chosen through `useI18n()`. */
export const chat: Record<Locale, ChatTexts> = { es, en };
