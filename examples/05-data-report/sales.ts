/** Makes a table of sales: 120,000 rows, the same each time. */
import { mkdirSync, writeFileSync } from "node:fs"
import { dirname } from "node:path"

const regions = ["North", "South", "East", "West"]
const products = ["kayak", "tent", "stove", "lamp"]
const prices = [640, 210, 85, 40]

/** Writes the table as CSV. */
export const write = (file: string, rows = 120_000): void => {
  // A linear congruential generator (Numerical Recipes): no two runs differ.
  let state = 1
  const random = (below: number): number => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return Math.floor((state / 2 ** 32) * below)
  }
  const lines = ["id,month,region,product,amount"]
  for (let id = 1; id <= rows; id++) {
    const month = 1 + random(12)
    const product = random(products.length)
    // Summer sells more, and the north most of all.
    const factor = 1 + (month >= 5 && month <= 8 ? 1 : 0)
    const region = regions[Math.min(random(5), 3)]!
    const amount = prices[product]! * factor * (1 + random(3))
    lines.push(`${id},2026-${String(month).padStart(2, "0")},${region},${products[product]!},${amount}`)
  }
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(file, `${lines.join("\n")}\n`)
}
