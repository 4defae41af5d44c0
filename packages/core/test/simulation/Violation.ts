/** The error of a witness: its kind, and what the witness saw. */
export class Violation<Kind extends string> extends Error {
  readonly kind: Kind
  constructor(kind: Kind, detail: string) {
    super(`${kind}: ${detail}`)
    this.kind = kind
  }
}
