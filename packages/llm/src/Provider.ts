/**
 * A provider of models: a name, the first half of model references, and a model for every second
 * half.
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
   * The model of this id (the part after the slash). Makes no request: an invalid id fails at the
   * first call.
   */
  readonly model: (id: string) => Llm.Model
}
