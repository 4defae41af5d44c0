/**
 * Stands in for a real model when no API key is set. Like a real model, it states the price only
 * when the prompt asks for it.
 */
import { Scripted } from "crewline/testing"

const write = Scripted.reply(({ messages }) => {
  const told = JSON.stringify(messages)
  const parcel = /for sending (a parcel of [\w ]+)\./.exec(told)?.[1] ?? "your parcel"
  const price = told.includes("name the price") ? " and costs 18 euros" : ""
  return `Sending ${parcel} takes three days${price}.`
})

/** Absent: the models of the environment. */
export const model =
  process.env["OPENAI_API_KEY"] === undefined ? Scripted.make([write, write, write, write]) : undefined
