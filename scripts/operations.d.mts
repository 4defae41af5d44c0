/** The types of `operations.mjs`, for its test. */
export const file: string
export const pageText: () => string
