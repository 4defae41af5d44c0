/**
 * A scripted model for the report: the same calls each time, with the numbers that the tools
 * answer. `OPENAI_API_KEY` lets a real model do the work.
 */
import { Scripted } from "crewline/testing"

interface Table {
  readonly columns: ReadonlyArray<string>
  readonly rows: ReadonlyArray<readonly [month: string, total: number]>
}

/** The last result of `data_query` in the conversation. */
const tableOf = (messages: ReadonlyArray<unknown>): Table => {
  const found =
    JSON.stringify(messages)
      .match(/\{\\*"columns\\*":[^]*?\]\]\}/g)
      ?.at(-1) ?? ""
  return JSON.parse(found.replaceAll("\\", ""))
}

export const models = () =>
  Scripted.make([
    Scripted.toolCall("data_describe", { path: "sales.csv" }),
    Scripted.toolCall("data_query", {
      files: "sales.csv",
      sql: "select month, sum(amount) total from sales group by month order by month"
    }),
    Scripted.reply(({ messages }) => {
      const { rows } = tableOf(messages)
      return Scripted.toolCall("chart", {
        path: "sales.svg",
        type: "bar",
        title: "Sales by month, 2026",
        labels: rows.map(([month]) => month),
        series: [{ name: "Sales", values: rows.map(([, total]) => total) }]
      })
    }),
    Scripted.reply(({ messages }) => {
      const { rows } = tableOf(messages)
      const total = rows.reduce((sum, [, amount]) => sum + amount, 0)
      const [month, amount] = rows.toSorted(([, a], [, b]) => b - a)[0] ?? ["no month", 0]
      return `# Sales of 2026\n\nSales were ${total} in all. The best month was ${month} with ${amount}.\n\n![Sales by month](sales.svg)\n`
    })
  ])
