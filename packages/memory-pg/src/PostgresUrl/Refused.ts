/** A URL that says something that cannot hold; the message has no secret. */
export class Refused extends Error {}
