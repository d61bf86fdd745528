/**
 * The picture of a run that goes on: a line per step, and below one that trains its phase, bar, loss and time left.
 *
 * ```
 *   ✓ load topics.csv   kept, nothing changed
 *   ● train, phase 1    0:42
 *       head.topic, head.mood learn (1.2 k parameters), 8.1 MB frozen up to block.0, cached
 *       ━━━━━━━────────  312/600 updates  loss 0.412  █▇▅▃▂▁  1,240 examples/s  0:31 left
 *   · evaluate          waits
 * ```
 */
import type { Evaluated } from "@thaw/core/RunEvent"
import * as Ansi from "./Ansi.ts"
import * as Figures from "./Figures.ts"
import * as RunProgress from "./RunProgress.ts"
import * as Sparkline from "./Sparkline.ts"

export interface Frame {
  readonly columns: number
  readonly rows: number
  readonly palette: Ansi.Palette
  /** Milliseconds since 1970. */
  readonly now: number
}

/** Never more lines than `rows` and no line wider than `columns`; finished steps and waiting ones give way first. */
export const lines = (state: RunProgress.RunProgress, frame: Frame): ReadonlyArray<string> => {
  const labels = Math.min(
    Math.max(0, ...state.steps.map(({ step }) => Ansi.width(step))),
    Math.max(16, Math.floor(frame.columns / 2)),
  )
  const blocks = state.steps.map((step) => ({ step, lines: stepLines(step, labels, frame) }))
  const foot = state.stopping
    ? [frame.palette.warn("  stopping after the update under way; Ctrl-C again ends at once")]
    : []
  const shown = fit(blocks, Math.max(1, frame.rows - foot.length), frame.palette)
  return [...shown, ...foot].map((line) => Ansi.cut(line, frame.columns))
}

interface Block {
  readonly step: RunProgress.StepProgress
  readonly lines: ReadonlyArray<string>
}

const isOver = ({ step }: Block) => step.state === "cached" || step.state === "done"

const fit = (blocks: ReadonlyArray<Block>, rows: number, palette: Ansi.Palette): ReadonlyArray<string> => {
  const all = blocks.flatMap((block) => block.lines)
  if (all.length <= rows) return all
  const over = blocks.filter(isOver)
  const waiting = blocks.filter(({ step }) => step.state === "waiting")
  const middle = blocks
    .filter((block) => !isOver(block) && block.step.state !== "waiting")
    .flatMap((block) => block.lines)
  const room = Math.max(0, rows - middle.length - 2)
  const next = waiting.slice(0, Math.ceil(room / 2)).flatMap((block) => block.lines)
  const last =
    room - next.length > 0 ? over.slice(-(room - next.length)).flatMap((block) => block.lines.slice(0, 1)) : []
  const hidden = over.length - last.length
  const later = waiting.length - next.length
  return [
    ...(hidden > 0 ? [`  ${palette.good("✓")} ${palette.dim(`${Figures.several(hidden, "step")} before`)}`] : []),
    ...last,
    ...middle,
    ...next,
    ...(later > 0 ? [`  ${palette.dim(`· ${Figures.several(later, "step")} to come`)}`] : []),
  ].slice(0, rows)
}

const stepLines = (step: RunProgress.StepProgress, labels: number, frame: Frame): ReadonlyArray<string> => {
  const { palette } = frame
  const { mark, label, note } = head(step, frame)
  const first = `  ${mark} ${label(Ansi.padEnd(Ansi.cut(step.step, labels), labels))}  ${note}`.trimEnd()
  if (step.state === "cached" || step.state === "waiting") return [first]
  const phase = step.phase
  if (phase === undefined) {
    return step.state === "running" && step.done !== undefined ? [first, `      ${count(step.done, frame)}`] : [first]
  }
  if (step.state === "running") {
    return [
      first,
      `      ${palette.dim(learns(phase))}`,
      `      ${training(phase, frame)}`,
      ...validation(step.evaluated, frame),
    ]
  }
  const curve = Sparkline.draw(phase.losses, 24)
  const sum = `${Figures.several(phase.update, "update")}  loss ${Figures.score(phase.loss)}  ${palette.accent(curve)}`
  return [first, ...(curve === "" ? [] : [`      ${sum}`]), ...validation(step.evaluated, frame)]
}

const head = (step: RunProgress.StepProgress, { palette, now }: Frame) => {
  const same = (text: string) => text
  switch (step.state) {
    case "cached":
      return { mark: palette.good("✓"), label: palette.dim, note: palette.dim("kept, nothing changed") }
    case "done":
      return { mark: palette.good("✓"), label: same, note: palette.dim(Figures.seconds(step.seconds)) }
    case "running":
      return {
        mark: palette.accent("●"),
        label: palette.bold,
        note: palette.dim(Figures.clock((now - step.startedAt) / 1000)),
      }
    case "failed":
      return { mark: palette.bad("✗"), label: palette.bad, note: palette.bad("failed") }
    case "stopped":
      return { mark: palette.warn("○"), label: same, note: palette.warn("stopped") }
    case "waiting":
      return {
        mark: palette.dim("·"),
        label: palette.dim,
        note: palette.dim(step.planned === true ? "kept" : step.planned === false ? step.why : "waits"),
      }
  }
}

/** What learns in a phase, in one line. */
export const learns = (phase: RunProgress.PhaseProgress): string => {
  const { trainable, boundary, frozenBytes } = phase
  const named =
    trainable.length <= 4
      ? trainable.join(", ")
      : `${trainable.slice(0, 3).join(", ")} and ${trainable.length - 3} more groups`
  const frozen =
    frozenBytes === 0
      ? "nothing frozen"
      : `${Figures.bytes(frozenBytes)} frozen${boundary === null ? "" : ` up to ${boundary.group}${boundary.cached ? ", cached" : ""}`}`
  return `${named} ${trainable.length === 1 ? "learns" : "learn"} (${Figures.short(phase.trainableParameters)} parameters), ${frozen}`
}

const training = (phase: RunProgress.PhaseProgress, frame: Frame): string => {
  const { update, updates, startedAt } = phase
  const left = RunProgress.secondsLeft(update, updates, startedAt, frame.now)
  const loss = Number.isFinite(phase.loss) ? `loss ${Figures.score(phase.loss)}` : undefined
  const curve = frame.palette.accent(Sparkline.draw(phase.losses, 12))
  return barred(update, updates, frame, [
    { text: `${update}/${updates} updates`, rank: 0 },
    { text: loss, rank: 1 },
    { text: curve === "" ? undefined : curve, rank: 4 },
    {
      text: Number.isFinite(phase.examplesPerSecond)
        ? `${Figures.count(phase.examplesPerSecond)} examples/s`
        : undefined,
      rank: 3,
    },
    { text: left === undefined ? undefined : `${Figures.clock(left)} left`, rank: 2 },
  ])
}

const count = ({ done, of, unit, startedAt }: NonNullable<RunProgress.StepProgress["done"]>, frame: Frame): string => {
  const left = RunProgress.secondsLeft(done, of, startedAt, frame.now)
  return barred(done, of, frame, [
    { text: `${Figures.count(done)}/${Figures.count(of)} ${unit}`, rank: 0 },
    { text: left === undefined ? undefined : `${Figures.clock(left)} left`, rank: 1 },
  ])
}

interface Part {
  readonly text: string | undefined
  /** What has the highest gives way first where the line is too narrow. */
  readonly rank: number
}

/** A bar and what stands beside it. On a narrow terminal the bar gives way before any figure. */
const barred = (done: number, of: number, { columns, palette }: Frame, parts: ReadonlyArray<Part>): string => {
  let shown = parts.filter(({ text }) => text !== undefined)
  const text = () => shown.map((part) => part.text).join("  ")
  while (shown.length > 1 && Ansi.width(text()) > columns - indent) {
    const last = Math.max(...shown.map(({ rank }) => rank))
    shown = shown.filter(({ rank }) => rank !== last)
  }
  const room = Math.min(30, columns - indent - 2 - Ansi.width(text()))
  if (room < 6) return text()
  const filled = of > 0 ? Math.min(room, Math.floor((room * done) / of)) : 0
  return `${palette.good("━".repeat(filled))}${palette.dim("─".repeat(room - filled))}  ${text()}`
}

/** Columns before what stands below a step. */
const indent = 6

/** On one line where it fits, else a line per task. */
const validation = (
  evaluated: ReadonlyArray<typeof Evaluated.Type>,
  { columns, palette }: Frame,
): ReadonlyArray<string> => {
  const all = evaluated.map(measured)
  const joined = all.join("   ")
  const lines = Ansi.width(joined) <= columns - indent ? [joined] : all
  return evaluated.length === 0 ? [] : lines.map((line) => `${" ".repeat(indent)}${palette.dim(line)}`)
}

/** `topic validation: accuracy 0.912, macroF1 0.904` */
export const measured = ({ task, split, metrics }: typeof Evaluated.Type): string =>
  `${task} ${split}: ${Object.entries(metrics)
    .map(([name, value]) => `${name} ${Figures.score(value)}`)
    .join(", ")}`
