import { CalendarDays, FileText, House, Tag } from "lucide-react";

/** The picture of a kind of subject; a tag for a kind that we do not know. */
export function SubjectIcon({ type }: { readonly type: string }) {
  if (type === "property") return <House aria-hidden="true" />;
  if (type === "contract") return <FileText aria-hidden="true" />;
  if (type === "visit") return <CalendarDays aria-hidden="true" />;
  return <Tag aria-hidden="true" />;
}
