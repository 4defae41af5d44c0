/**
 * What a provider of models is: a name, the first half of a model reference, and a model for every
 * second half.
 */
import type * as Llm from "@crewline/core/Llm"

export interface Provider {
  /** The part of a reference before the slash: `openai`. */
  readonly name: string
  /**
   * The ids there are, where these are known; others are refused when the reference is resolved.
   */
  readonly models?: ReadonlyArray<string>
  /**
   * The model of this id (the part after the slash). Costs nothing and asks nobody: a wrong id
   * shows at the first call.
   */
  readonly model: (id: string) => Llm.Model
}
