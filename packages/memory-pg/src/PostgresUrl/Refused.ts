/** The URL cannot be used; the message contains no secret. */
export class Refused extends Error {}
