export const lint: (document: object) => Promise<ReadonlyArray<string>>
export const lintServer: () => Promise<ReadonlyArray<string>>
