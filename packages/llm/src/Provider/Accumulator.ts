/**
 * Gathers an answer from the events of its stream. Each API has a subclass that knows its events;
 * here is what streams have in common: where they end, how they report a failure, and when they
 * were cut off.
 */
import type { Answer } from "@crewline/core/Llm"
import * as Fault from "./Fault.ts"
import * as ProviderJson from "./Json.ts"
import * as Thoughts from "../Thoughts.ts"

export abstract class Accumulator<Event extends { readonly error?: unknown }> {
  #any = false
  #delta = ""
  readonly #gate = new Thoughts.Gate()
  /** True when the provider said that the answer is complete. */
  done = false

  /** Takes the JSON of one event. */
  readonly add = (data: string): void => {
    if (this.done) return
    if (data === "[DONE]") {
      this.done = true
      return
    }
    // As servers send it: the fields of events are optional and may be null.
    const event = ProviderJson.parseObject(data) as Event
    if (event.error != null) throw Fault.reported(event)
    this.gather(event)
    this.#any = true
  }

  /** The text that came since the last time. */
  takeDelta(): string {
    const delta = this.#delta
    this.#delta = ""
    return delta
  }

  /** Nothing more comes: what was held back is handed over. */
  end(): void {
    this.#delta += this.#gate.end()
  }

  /** Fails when the answer is not complete. */
  finish(): Answer {
    if (!this.#any) throw new Fault.NotAnAnswer("The provider's stream was empty.")
    if (!this.done && !this.isComplete()) {
      throw new Fault.NotAnAnswer("The provider's stream was cut off before the answer was complete.")
    }
    return this.answer()
  }

  /** Text of the answer, for `takeDelta`; thoughts at its beginning are held back. */
  protected say(text: string): void {
    this.#delta += this.#gate.take(text)
  }

  protected abstract gather(event: Event): void

  /** Whether the answer is complete although the provider did not say so. */
  protected isComplete(): boolean {
    return false
  }

  protected abstract answer(): Answer
}
