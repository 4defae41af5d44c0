/** A path is refused; the message is the end of a sentence that begins with the path. */
export class Refused extends Error {
  override readonly name = "Refused"
}
