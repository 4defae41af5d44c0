/** What a witness throws: of which kind it is, and what it saw. */
export class Violation<Kind extends string> extends Error {
  readonly kind: Kind
  constructor(kind: Kind, detail: string) {
    super(`${kind}: ${detail}`)
    this.kind = kind
  }
}
