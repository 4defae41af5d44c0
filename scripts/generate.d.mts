/** The types of `generate.mjs`, for its test. */
export const moduleOf: (
  files: { readonly [path: string]: string },
  target: { readonly folder: string; readonly extension: string }
) => string
export const generated: (
  root: string,
  wanted?: ReadonlyArray<{ readonly folder: string; readonly extension: string }>
) => ReadonlyArray<{ readonly file: string; readonly text: string; readonly isStale: boolean }>
