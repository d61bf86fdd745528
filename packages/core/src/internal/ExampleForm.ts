/** What an example consists of: all examples of one dataset consist of the same. */
import type { Example } from "../Dataset.ts"
import { InvalidData } from "../Errors.ts"
import type { Form } from "./ExampleColumns.ts"

/** Throws `InvalidData` that names the example. */
export const invalid = (row: Pick<Example, "id">, expected: string, got: string, advice = ""): never => {
  throw new InvalidData({ where: `example ${JSON.stringify(row.id)}`, expected, got, advice })
}

/** Throws `InvalidData`: the dataset's examples have `form`. */
export const refuse = (row: Pick<Example, "id">, form: Form, found: string): never =>
  invalid(row, form, found, "The examples of one dataset have one form.")

/** Throws `InvalidData` where the example is not of the form, or contradicts itself. */
export const check = (row: Example, form: Form): void => {
  const found = described(row)
  if (found !== form) refuse(row, form, found)
  const tokens = row.tokens?.length ?? 0
  for (const [task, tags] of Object.entries(row.tags)) {
    if (tags.length !== tokens)
      invalid(row, `${tokens} tags for task ${JSON.stringify(task)}, one per token`, String(tags.length))
  }
  if (row.scores === undefined) return
  for (const [task, score] of Object.entries(row.scores)) {
    if (!Number.isFinite(score)) invalid(row, `a number for task ${JSON.stringify(task)}`, String(score))
  }
}

/** What the example has, in words: the form that it is of, where it is of one. */
const described = ({ text, pair, negative, tokens }: Example): string => {
  if (text !== undefined && pair === undefined && negative === undefined && tokens === undefined) return "text"
  const parts = { text, pair, negative, tokens }
  const given = (["text", "pair", "negative", "tokens"] as const).filter((name) => parts[name] !== undefined)
  const [last = "neither"] = given.slice(-1)
  return given.length > 1 ? `${given.slice(0, -1).join(", ")} and ${last}` : last
}
