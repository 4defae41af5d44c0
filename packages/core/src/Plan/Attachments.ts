/**
 * Attachments on their way into a plan: sources cut at their placeholders, filled, and with media
 * type and name settled.
 */
import * as Attachments from "../Crew/Attachments.ts"
import * as Placeholder from "../Crew/Placeholder.ts"
import type { Attachment } from "../Task.ts"
import type { PlannedAttachment } from "./Planned.ts"

/** An attachment whose source is cut at its placeholders. */
export interface Template {
  readonly attachment: Attachment
  readonly source: Placeholder.Text
}

export const template = (attachment: Attachment): Template => ({
  attachment,
  source: Placeholder.parse(attachment.file ?? attachment.url!)
})

/** With the inputs in place. */
export const fill = ({ attachment, source }: Template, filler: Placeholder.Filler): Attachment =>
  at(attachment, filler.fill(source))

/** Of one without placeholders. */
export const constant = ({ attachment, source }: Template): PlannedAttachment =>
  planned(at(attachment, Placeholder.constant(source)))

const at = (attachment: Attachment, text: string): Attachment =>
  attachment.file === undefined ? { ...attachment, url: text } : { ...attachment, file: text }

/** Of a valid attachment without placeholders. */
export const planned = (attachment: Attachment): PlannedAttachment => {
  const { file, name, url } = attachment
  const called = name ?? (file ?? (/^data:/i.test(url!) ? undefined : url!.split(/[?#]/, 1)[0]!))?.split("/").at(-1)
  return Object.freeze({
    ...(file === undefined ? { url: url! } : { file }),
    mediaType: Attachments.mediaTypeOf(attachment)!,
    ...(called === undefined || called === "" ? {} : { name: called })
  })
}
