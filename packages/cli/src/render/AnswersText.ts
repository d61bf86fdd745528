/** What heads answer to a text, as lines for people: one for each task. */
import type * as Predict from "@thaw/steps/Predict"
import * as Ansi from "./Ansi.ts"
import * as Figures from "./Figures.ts"
import * as Table from "./Table.ts"

/** Labels told beside those that are answered. */
const mostLabels = 5

/** What is answered, and what beside it is less likely. */
const cells = (given: Predict.Answer, palette: Ansi.Palette): readonly [string, string] => {
  switch (given._tag) {
    case "classification":
      return ranked([given.label], given.probabilities, palette)
    case "multiLabel":
      return ranked(given.labels, given.probabilities, palette)
    case "regression":
      return [palette.good(Figures.score(given.score)), ""]
    case "tokenClassification": {
      const found = given.entities.map(
        ({ type, text }) => `${palette.good(Ansi.tame(text))} ${palette.dim(Ansi.tame(type))}`,
      )
      return [found.length === 0 ? palette.dim("nothing found") : found.join("  "), ""]
    }
  }
}

const ranked = (
  answered: ReadonlyArray<string>,
  probabilities: Readonly<Record<string, number>>,
  palette: Ansi.Palette,
): readonly [string, string] => {
  const shown = (label: string) => `${Ansi.tame(label)} ${Figures.score(probabilities[label] ?? Number.NaN)}`
  const others = Object.keys(probabilities)
    .filter((label) => !answered.includes(label))
    .sort((a, b) => probabilities[b]! - probabilities[a]!)
    .slice(0, mostLabels)
  return [
    answered.length === 0 ? palette.dim("none") : palette.good(answered.map(shown).join("  ")),
    palette.dim(others.map(shown).join("  ")),
  ]
}

export const lines = (answer: Predict.Answered, palette: Ansi.Palette): ReadonlyArray<string> => [
  palette.bold(Ansi.tame(answer.text)),
  ...Table.lines(
    [{ title: "" }, { title: "" }, { title: "" }],
    Object.entries(answer.tasks).map(([task, given]) => [Ansi.tame(task), ...cells(given, palette)]),
    palette,
  ).map((line) => `  ${line}`),
]
