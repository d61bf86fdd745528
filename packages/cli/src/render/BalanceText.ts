/**
 * How tasks counted against each other in a phase: weights and raw losses from its first epoch to its last, their plain
 * sum, and what was seen of the tasks' gradients.
 *
 * ```
 *   balance of Train.phase 1, nothing frozen  GradNorm
 *     task       weight       raw loss, mean of an epoch
 *     mood       1.00 → 1.31  0.693 → 0.412
 *     topic      1.00 → 0.69  1.096 → 0.205
 *     plain sum               1.789 → 0.617
 *
 *   gradients of Train.phase 1, nothing frozen  mean of 12 looks
 *                norm: mood  norm: topic  cosine: mood, topic
 *     head.mood       0.310
 *     block.1         0.520        0.880                −0.12
 * ```
 */
import * as Ansi from "./Ansi.ts"
import * as Figures from "./Figures.ts"
import type * as PhasesText from "./PhasesText.ts"
import * as Table from "./Table.ts"

/** Empty for a phase that balanced nothing and looked at no gradients. */
export const lines = (
  phase: PhasesText.Measured,
  palette: Ansi.Palette,
  columns = Number.POSITIVE_INFINITY,
): ReadonlyArray<string> => [...balance(phase, palette, columns), ...gradients(phase, palette, columns)]

const titled = (
  what: string,
  step: string,
  aside: string,
  table: ReadonlyArray<string>,
  palette: Ansi.Palette,
): ReadonlyArray<string> => [
  "",
  `${palette.bold(`${what} of ${Ansi.tame(step)}`)}  ${palette.dim(aside)}`,
  ...table.map((line) => `  ${line}`),
]

const balance = ({ finished }: PhasesText.Measured, palette: Ansi.Palette, columns: number): ReadonlyArray<string> => {
  const { balance: told, step } = finished
  const [first, last] = [told?.moments[0], told?.moments.at(-1)]
  if (told?.balancer === undefined || first === undefined || last === undefined) return []
  const from = (then: number | undefined, now: number | undefined) =>
    [then, now].map((each) => (each === undefined ? "none" : Figures.score(each))).join(" → ")
  const tasks = Object.keys(told.start).map((task) => [
    Ansi.tame(task),
    `${told.start[task]!.toFixed(2)} → ${last.weights[task]!.toFixed(2)}`,
    from(first.losses[task], last.losses[task]),
  ])
  const table = Table.lines(
    [{ title: "task" }, { title: "weight" }, { title: "raw loss, mean of an epoch" }],
    [...tasks, ["plain sum", "", from(first.plainSum, last.plainSum)]],
    palette,
    columns - 2,
  )
  return titled("balance", step, told.balancer, table, palette)
}

const gradients = (
  { finished: { step }, gradients: seen }: PhasesText.Measured,
  palette: Ansi.Palette,
  columns: number,
): ReadonlyArray<string> => {
  if (seen.length === 0) return []
  const groups = [...new Set(seen.map(({ group }) => group))]
  const tasks = [...new Set(seen.flatMap(({ norms }) => Object.keys(norms)))].sort()
  const pairs = [...new Set(seen.flatMap(({ cosines }) => cosines.map((each) => each.tasks.join(", "))))].sort()
  const looks = new Set(seen.map(({ update }) => update)).size
  const right = (title: string) => ({ title, align: "right" as const })
  const rows = groups.map((group) => {
    const own = seen.filter((each) => each.group === group)
    return [
      group,
      ...tasks.map((task) =>
        mean(
          own.flatMap(({ norms }) => norms[task] ?? []),
          Figures.score,
        ),
      ),
      ...pairs.map((pair) =>
        mean(
          own.flatMap(({ cosines }) => cosines.flatMap((each) => (each.tasks.join(", ") === pair ? each.cosine : []))),
          (cosine) => cosine.toFixed(2).replace("-", "−"),
        ),
      ),
    ]
  })
  const table = Table.lines(
    [
      { title: "" },
      ...tasks.map((task) => right(`norm: ${Ansi.tame(task)}`)),
      ...pairs.map((pair) => right(`cosine: ${Ansi.tame(pair)}`)),
    ],
    rows,
    palette,
    columns - 2,
  )
  return titled("gradients", step, `mean of ${Figures.several(looks, "look")}`, table, palette)
}

/** Empty where there is nothing to take the mean of. */
const mean = (numbers: ReadonlyArray<number>, form: (value: number) => string): string =>
  numbers.length === 0 ? "" : form(numbers.reduce((sum, each) => sum + each, 0) / numbers.length)
