/**
 * The data of generations, for clients: schemas without the code that generates (see `Generator`).
 */
export { Constraints } from "./Generator/Constraints.ts"
export { Generated } from "./Generator/GeneratedSchema.ts"
