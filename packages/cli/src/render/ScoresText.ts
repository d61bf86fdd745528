/** Scores of held-out examples as tables for people: a line per task, then its labels and where they are confused. */
import type * as Scores from "@thaw/steps/Scores"
import * as Ansi from "./Ansi.ts"
import * as Figures from "./Figures.ts"
import * as Table from "./Table.ts"

/** More labels than this are too many for a square table; the weakest labels and commonest mistakes are told instead. */
const mostLabels = 12
const mostMistakes = 8

export const lines = (
  scores: Scores.Scores,
  palette: Ansi.Palette,
  columns = Number.POSITIVE_INFINITY,
): ReadonlyArray<string> =>
  scores.tasks.flatMap((task) => ["", ...taskLines(task, palette)]).map((line) => Ansi.cut(line, columns))

const taskLines = (task: Scores.TaskScores, palette: Ansi.Palette): ReadonlyArray<string> => [
  `  ${palette.bold(Ansi.tame(task.task))}  ${palette.dim(`${kinds[task.head]}, ${Figures.several(task.examples, "held-out example")}${seen(task)}`)}`,
  ...indent(headline(task, palette)),
  ...(task.perLabel.length === 0 ? [] : ["", ...indent(labels(task, palette))]),
  ...(task.confusion.length === 0 ? [] : ["", ...indent(confusion(task, palette))]),
]

/** What part of the figures is memory. */
const seen = ({ overlap = 0 }: Scores.TaskScores): string =>
  overlap === 0 ? "" : `, ${Figures.percent(overlap)} of them trained on`

const indent = (block: ReadonlyArray<string>) => block.map((line) => (line === "" ? "" : `    ${line}`))

const kinds: Readonly<Record<Scores.TaskScores["head"], string>> = {
  classification: "classification",
  maskedTokens: "hidden tokens",
  multiLabel: "several labels",
  regression: "numbers",
  sentenceEmbedding: "sentence embeddings",
  tokenClassification: "entities",
}

/** What always gives one answer. */
const constants: Readonly<Record<Scores.TaskScores["head"], string>> = {
  classification: "majority label",
  maskedTokens: "",
  multiLabel: "majority labels",
  regression: "their mean",
  sentenceEmbedding: "majority label",
  tokenClassification: "",
}

/** Every metric, beside it what always giving the most frequent answer, or the mean, would give. */
const headline = (task: Scores.TaskScores, palette: Ansi.Palette): ReadonlyArray<string> => {
  const names = Object.keys(task.metrics).sort((a, b) => rank(a) - rank(b))
  const hasMajority = Object.keys(task.majority).length > 0
  const row = (title: string, figures: Readonly<Record<string, number>>) => [
    title,
    ...names.map((name) => (figures[name] === undefined ? "" : Figures.score(figures[name]))),
  ]
  const [titles, own, majority] = Table.lines(
    [{ title: "" }, ...names.map((title) => ({ title, align: "right" as const }))],
    [row("this run", task.metrics), ...(hasMajority ? [row(constants[task.head], task.majority)] : [])],
    palette,
  )
  return [titles!, palette.bold(own!), ...(majority === undefined ? [] : [palette.dim(majority)])]
}

/** Artifacts keep names sorted; people look for the headline first and the loss last. */
const order = [
  "accuracy",
  "meanAveragePrecision",
  "microF1",
  "macroF1",
  "subsetAccuracy",
  "averagePrecision",
  "entityF1",
  "entityPrecision",
  "entityRecall",
  "tokenAccuracy",
  "r2",
  "pearson",
  "spearman",
  "meanAbsoluteError",
  "meanSquaredError",
  "meanReciprocalRank",
  "recallAt1",
  "recallAt10",
  "perplexity",
]
const rank = (metric: string): number =>
  metric === "loss" ? order.length + 1 : order.includes(metric) ? order.indexOf(metric) : order.length

const labels = (task: Scores.TaskScores, palette: Ansi.Palette): ReadonlyArray<string> => {
  const many = task.perLabel.length > mostLabels
  const shown = many ? [...task.perLabel].sort((a, b) => a.f1 - b.f1).slice(0, mostLabels) : task.perLabel
  const table = Table.lines(
    [
      { title: task.head === "tokenClassification" ? "entity" : "label" },
      { title: "precision", align: "right" },
      { title: "recall", align: "right" },
      { title: "F1", align: "right" },
      { title: "examples", align: "right" },
    ],
    shown.map(({ label, precision, recall, f1, support }) => [
      Ansi.tame(label),
      Figures.score(precision),
      Figures.score(recall),
      Figures.score(f1),
      Figures.count(support),
    ]),
    palette,
  )
  return many ? [...table, palette.dim(`the weakest ${mostLabels} of ${task.perLabel.length} labels`)] : table
}

const confusion = (task: Scores.TaskScores, palette: Ansi.Palette): ReadonlyArray<string> => {
  const names = task.perLabel.map(({ label }) => Ansi.tame(label))
  if (names.length > mostLabels) return mistakes(task, names, palette)
  return Table.lines(
    [{ title: "truth ↓  answer →" }, ...names.map((title) => ({ title, align: "right" as const }))],
    task.confusion.map((row, truth) => [names[truth]!, ...row.map((amount) => (amount === 0 ? "·" : String(amount)))]),
    palette,
  )
}

const mistakes = (task: Scores.TaskScores, names: ReadonlyArray<string>, palette: Ansi.Palette) => {
  const all = task.confusion.flatMap((row, truth) =>
    row.flatMap((amount, answer) => (truth === answer || amount === 0 ? [] : [{ truth, answer, amount }])),
  )
  const commonest = all.sort((a, b) => b.amount - a.amount).slice(0, mostMistakes)
  return Table.lines(
    [{ title: "times", align: "right" }, { title: "truth" }, { title: "answer" }],
    commonest.map(({ truth, answer, amount }) => [String(amount), names[truth]!, names[answer]!]),
    palette,
  )
}

/** The figures a list of runs shows, one per task: the first that is known. */
const headlines = ["accuracy", "entityF1", "meanAveragePrecision", "macroF1", "r2"]

/** `topic 0.912  mood 0.804` from metrics by `task.metric`. */
export const brief = (metrics: Readonly<Record<string, number>>): string => {
  const tasks = [...new Set(Object.keys(metrics).map((name) => name.slice(0, name.lastIndexOf("."))))]
  return tasks
    .flatMap((task) => {
      const name = headlines.find((candidate) => `${task}.${candidate}` in metrics)
      return name === undefined ? [] : [`${Ansi.tame(task)} ${name} ${Figures.score(metrics[`${task}.${name}`]!)}`]
    })
    .join("  ")
}
