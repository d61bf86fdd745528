/** Validation of every task after every phase, beside its best and what it was when its head was frozen. */
import type * as Forgetting from "@thaw/steps/training/Forgetting"
import * as Ansi from "./Ansi.ts"
import * as Figures from "./Figures.ts"
import * as Table from "./Table.ts"

export const lines = (
  { phases, rows, drift }: Forgetting.Table,
  palette: Ansi.Palette,
  columns = Number.POSITIVE_INFINITY,
): ReadonlyArray<string> => {
  const figure = (score: number | undefined) => (score === undefined ? "" : Figures.score(score))
  const right = (title: string) => ({ title, align: "right" as const })
  const head = [
    { title: "task" },
    { title: "" },
    ...phases.map((phase) => right(`phase ${phase}`)),
    right("against its best"),
    right("since frozen"),
  ]
  const tasks = rows.map(({ task, metric, scores, best, whenFrozen, now }) => [
    Ansi.tame(task),
    metric,
    ...scores.map(figure),
    change(best, now, palette),
    change(whenFrozen, now, palette),
  ])
  const moved = drift.some((each) => each !== undefined)
  const encoder = ["encoder", "cosine to its start", ...drift.map(figure), "", ""]
  return Table.lines(head, [...tasks, ...(moved ? [encoder] : [])], palette, columns)
}

/** Gain or loss since then, and the phase that it is measured from. */
const change = (then: Forgetting.At | undefined, now: number | undefined, palette: Ansi.Palette): string => {
  if (then === undefined || now === undefined) return ""
  const difference = now - then.score
  const text = `${difference < 0 ? "−" : difference > 0 ? "+" : "±"}${Figures.score(Math.abs(difference))} (phase ${then.phase})`
  return difference < 0 ? palette.warn(text) : text
}
