/**
 * The files that a model is shown. The conversation, and so the log, contains only a reference
 * (`attachment:0`); the content is inserted just for the call, so that no turn stores it. A file of
 * the workspace is read once for each leg, when the first call needs it. Text goes to the model as
 * text, which every provider takes.
 */
import * as Effect from "effect/Effect"
import * as Base64 from "effect/encoding/Base64"
import * as Result from "effect/Result"
import type * as Prompt from "effect/ai/Prompt"
import type * as Plan from "../Plan.ts"
import type * as Workspace from "../Workspace.ts"
import * as Prompting from "./Prompting.ts"

const isText = (mediaType: string): boolean => /^text\/|^application\/(json|xml|yaml)$|\+(json|xml)$/.test(mediaType)

type Part = Prompt.UserMessagePartEncoded

/** The value of a placeholder. */
const load = Effect.fnUntraced(function* (
  workspace: Workspace.Files,
  part: Prompt.FilePartEncoded,
  attachment: Plan.PlannedAttachment
): Effect.fn.Return<Part, Workspace.WorkspaceError> {
  const { file, mediaType, name, url } = attachment
  if (file === undefined && !/^data:/i.test(url)) return { ...part, data: url }
  const base64 = file === undefined ? url.slice(url.indexOf(",") + 1) : Base64.encode(yield* workspace.read(file))
  if (!isText(mediaType)) return { ...part, data: base64 }
  const text = Result.getOrElse(Base64.decodeString(base64), () => base64)
  return { type: "text", text: Prompting.attachedText(name ?? "attachment", text) }
})

/** Replaces placeholders by their values; returns the same object for a message without any. */
export const loader = (
  workspace: Workspace.Files,
  { attachments = [] }: Plan.PlannedTask
): ((
  messages: ReadonlyArray<Prompt.MessageEncoded>
) => Effect.Effect<ReadonlyArray<Prompt.MessageEncoded>, Workspace.WorkspaceError>) => {
  if (attachments.length === 0) return Effect.succeed
  // Token counts are cached by the identity of messages.
  const loaded = new WeakMap<object, Prompt.MessageEncoded>()
  const one = Effect.fnUntraced(function* (message: Prompt.MessageEncoded) {
    if (message.role !== "user" || typeof message.content === "string") return message
    const known = loaded.get(message)
    if (known !== undefined) return known
    let found = false
    const content = yield* Effect.forEach(message.content, (part) => {
      if (part.type !== "file" || typeof part.data !== "string" || !part.data.startsWith(Prompting.attachmentScheme)) {
        return Effect.succeed<Part>(part)
      }
      const attachment = attachments[Number(part.data.slice(Prompting.attachmentScheme.length))]
      found = true
      return attachment === undefined ? Effect.succeed<Part>(part) : load(workspace, part, attachment)
    })
    const whole = found ? { ...message, content } : message
    loaded.set(message, whole)
    return whole
  })
  return (messages) => Effect.forEach(messages, one)
}
