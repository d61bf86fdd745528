/**
 * The timeline of a plan as a table: groups from the top of the network down, one column per phase.
 *
 * ```
 *                 1                2                      3
 *   head.topic    1.0e-3           3.1e-5 … 1.0e-3        3.1e-5 … 1.0e-3
 *   block.1       frozen           2.5e-5 … 8.1e-4        2.5e-5 … 8.1e-4
 *   embeddings    frozen           frozen                 1.8e-5 … 5.9e-4
 *   updates       47               47                     47
 * ```
 */
import * as Optimizer from "@thaw/models/Optimizer"
import type * as Timeline from "@thaw/steps/Timeline"
import type * as Estimate from "@thaw/steps/timeline/Estimate"
import type * as Weights from "@thaw/steps/timeline/Weights"
import * as Ansi from "./Ansi.ts"
import * as Figures from "./Figures.ts"
import * as Table from "./Table.ts"

/** Empty for a pipeline that trains nothing. One table for each chain of phases. */
export const lines = ({ phases }: Timeline.Timeline, palette: Ansi.Palette, columns: number): ReadonlyArray<string> => {
  const chains = [...new Set(phases.map(({ chain }) => chain))].map((chain) => ({
    chain,
    phases: phases.filter((phase) => phase.chain === chain),
  }))
  return [
    ...chains.flatMap(({ chain, phases: own }) => [
      ...(chains.length === 1 ? [] : ["", palette.bold(`from ${chain}`)]),
      ...table(own, palette, columns),
      ...weightTables(own, palette, columns),
      ...remarks(own, palette),
    ]),
    ...unknowns(phases, palette),
    ...(phases.some(({ known }) => known !== undefined) ? ["", ...basis.map(palette.dim)] : []),
  ]
}

/** Phases that do not fit beside each other follow below. */
const table = (
  phases: ReadonlyArray<Timeline.Phase>,
  palette: Ansi.Palette,
  columns: number,
): ReadonlyArray<string> => {
  const titles = headings(phases)
  const cells = phases.map((phase) => new Map(rowsOf(phase, palette)))
  // What only some phases have keeps its place: heads and blocks first, top to bottom.
  const names = [...new Set(cells.flatMap((column) => [...column.keys()]))].toSorted((a, b) => rankOf(a) - rankOf(b))
  const widths = cells.map((column, at) => Math.max(...[titles[at]!, ...column.values()].map(Ansi.width)))
  const first = Math.max(...names.map(Ansi.width))
  return chunks(widths, Math.max(20, columns - first)).flatMap((indices) => [
    "",
    ...Table.lines(
      [{ title: "" }, ...indices.map((at) => ({ title: titles[at]! }))],
      names
        .filter((name) => indices.some((at) => cells[at]!.has(name)))
        .map((name) => [name, ...indices.map((at) => cells[at]!.get(name) ?? "")]),
      palette,
      columns,
    ),
  ])
}

const headings = (phases: ReadonlyArray<Timeline.Phase>): ReadonlyArray<string> =>
  phases.map(({ step, settings }) => (step.startsWith("Train.phase") ? `phase ${settings.place.phase}` : step))

/** As many neighbours as fit. */
const chunks = (widths: ReadonlyArray<number>, room: number): ReadonlyArray<ReadonlyArray<number>> => {
  const found: Array<Array<number>> = []
  let left = 0
  widths.forEach((width, at) => {
    if (found.length === 0 || width + 2 > left) {
      found.push([])
      left = room
    }
    found.at(-1)!.push(at)
    left -= width + 2
  })
  return found
}

const figures = [
  "trains",
  "lasts",
  "updates",
  "draws",
  "counts",
  "balance",
  "padding",
  "optimizer",
  "decay",
  "dropout",
  "learns",
  "weights",
  "moments",
  "for an update",
  "activations",
  "memory",
  "cache",
  "work",
] as const

/** Heads, blocks from the top, each above its adapters, embeddings, then the figures. */
const rankOf = (title: string): number => {
  if (title.startsWith("head.")) return -1e6
  if (title.startsWith("lora.")) return rankOf(title.slice("lora.".length)) + 0.5
  if (title.startsWith("block.")) return -1e5 - Number(title.slice("block.".length))
  if (title === "embeddings") return -1
  return figures.indexOf(title as (typeof figures)[number])
}

const rowsOf = (phase: Timeline.Phase, palette: Ansi.Palette): ReadonlyArray<readonly [string, string]> => {
  const { known, settings } = phase
  if (known === undefined) {
    return [
      ["trains", settings.trains.join(", ")],
      ["lasts", lasting(settings)],
      ["updates", palette.dim("unknown")],
      ...(phase.balancer === undefined ? [] : [["balance", phase.balancer] as const]),
      ["optimizer", Optimizer.names[settings.optimizer._tag]],
      ["decay", String(settings.optimizer.weightDecay)],
    ]
  }
  const { cost } = known
  const bytes = (estimate: Estimate.Estimate) => estimated(estimate, Figures.bytes, palette)
  return [
    ...known.groups.map((group) => [group.group, stateOf(group, palette)] as const),
    ["lasts", lasting(settings)],
    ["updates", estimated(known.updates, Figures.count, palette)],
    ["draws", parts(known.weights, ({ share }) => share, palette)],
    ...(known.weights.length === 1
      ? []
      : [["counts", parts(known.weights, ({ effective }) => effective, palette)] as const]),
    ...(phase.balancer === undefined ? [] : [["balance", balanceOf(phase.balancer, known.starting, palette)] as const]),
    ...(known.padding === undefined ? [] : [["padding", estimated(known.padding, percent, palette)] as const]),
    ["optimizer", optimizerOf(settings.optimizer)],
    ["decay", settings.l2sp === undefined ? String(settings.optimizer.weightDecay) : `${settings.l2sp} to the start`],
    ["dropout", dropoutOf(known.groups)],
    ["learns", `${estimated(known.trainedParameters, Figures.short, palette)} parameters`],
    ["weights", bytes(cost.weightBytes)],
    ["moments", bytes(cost.momentBytes)],
    ["for an update", bytes(cost.updateBytes)],
    ["activations", bytes(cost.activationBytes)],
    ["memory", bytes(cost.peakBytes)],
    ["cache", cacheOf(cost, palette)],
    ["work", estimated(cost.work, Figures.operations, palette)],
  ]
}

const optimizerOf = (optimizer: Timeline.Phase["settings"]["optimizer"]): string =>
  optimizer._tag === "adamW"
    ? Optimizer.names.adamW
    : `${Optimizer.names.sgd}, ${optimizer.nesterov ? "nesterov" : "momentum"} ${optimizer.momentum}`

const lasting = ({ length, earlyStopping, unfreezeUntil }: Timeline.Phase["settings"]): string => {
  const whole =
    "epochs" in length
      ? epochs(length.epochs)
      : "updates" in length
        ? Figures.several(length.updates, "update")
        : `until converged, ≤ ${epochs(length.converged.maxEpochs)}`
  const stops = earlyStopping === undefined ? whole : `≤ ${whole}, may stop early`
  return unfreezeUntil === undefined || unfreezeUntil.position === 1 ? stops : `${stops}, while it helps`
}

const epochs = (value: number): string => `${value} ${value === 1 ? "epoch" : "epochs"}`

const stateOf = ({ rate }: Timeline.GroupState, palette: Ansi.Palette): string => {
  if (rate === undefined) return palette.dim("frozen")
  const range = rate.lowest === rate.highest ? small(rate.highest) : `${small(rate.lowest)} … ${small(rate.highest)}`
  return palette.accent(range)
}

/** One figure where all that trains has the same; else by part of the network. */
const dropoutOf = (groups: ReadonlyArray<Timeline.GroupState>): string => {
  const trained = groups.filter(({ state }) => state === "trains")
  const rates = [...new Set(trained.map(({ dropout }) => dropout))]
  if (rates.length === 1) return String(rates[0])
  const parts = { heads: "head.", adapters: "lora.", encoder: "" }
  const partOf = (group: string) => Object.entries(parts).find(([, beginning]) => group.startsWith(beginning))![0]
  return Object.keys(parts)
    .flatMap((part) => {
      const own = trained.find(({ group }) => partOf(group) === part)
      return own === undefined ? [] : [`${part} ${own.dropout}`]
    })
    .join(", ")
}

const small = (rate: number): string => (rate === 0 ? "0" : rate.toExponential(1))

/** `mood 25 %, topic 75 %`; names alone where there is one or the parts are unknown. */
const parts = (
  weights: ReadonlyArray<Weights.EffectiveWeight>,
  of: (weight: Weights.EffectiveWeight) => Estimate.Estimate,
  palette: Ansi.Palette,
): string =>
  weights
    .map((weight) => {
      const part = of(weight)
      return weights.length === 1 || part._tag === "Unknown"
        ? weight.task
        : `${weight.task} ${estimated(part, percent, palette)}`
    })
    .join(", ")

/** One digit below 10 %, so that a scarce task is not shown as none. */
const percent = (share: number): string => {
  const hundredths = 100 * share
  return `${hundredths > 0 && hundredths < 9.95 ? Number(hundredths.toFixed(1)) : Math.round(hundredths)} %`
}

/** How much each task counts, epoch by epoch, in phases in which that changes. */
const weightTables = (
  phases: ReadonlyArray<Timeline.Phase>,
  palette: Ansi.Palette,
  columns: number,
): ReadonlyArray<string> =>
  phases.flatMap(({ known }, at) => {
    const weights = known?.weights ?? []
    const epochs = weights[0]?.epochs.length ?? 0
    if (epochs < 2 || weights.length < 2) return []
    const head = [
      { title: headings(phases)[at]! },
      ...weights.map(({ task, loss }) => ({ title: loss === 1 ? task : `${task}, loss × ${loss}` })),
    ]
    const rows = shown(epochs).map((epoch) => [
      `epoch ${epoch + 1}`,
      ...weights.map(({ epochs: each }) => {
        const { share, effective } = each[epoch]!
        return `draws ${percent(share)}, counts ${percent(effective)}`
      }),
    ])
    return ["", ...Table.lines(head, rows, palette, columns)]
  })

/** Epochs to show: all, or of many about ten with the first and the last. */
const shown = (epochs: number): ReadonlyArray<number> => {
  const most = 10
  const count = Math.min(epochs, most)
  return Array.from({ length: count }, (_, at) => (count === 1 ? 0 : Math.round((at * (epochs - 1)) / (count - 1))))
}

/** `GradNorm, from mood 1.00, topic 1.00`. */
const balanceOf = (
  balancer: string,
  starting: NonNullable<Timeline.Phase["known"]>["starting"] = [],
  palette: Ansi.Palette,
): string => {
  const weights = starting.map(({ task, weight }) => `${task} ${estimated(weight, (each) => each.toFixed(2), palette)}`)
  return [balancer, ...(weights.length === 0 ? [] : [`from ${weights.join(", ")}`])].join(", ")
}

const cacheOf = (
  { cache, cacheBytes }: NonNullable<Timeline.Phase["known"]>["cost"],
  palette: Ansi.Palette,
): string => {
  if (cache === "none") return "nothing to keep"
  if (cache === "recomputed") return "computed anew"
  const bytes = estimated(cacheBytes, Figures.bytes, palette)
  return cache === "kept" || cacheBytes._tag === "Unknown" ? bytes : `${bytes} or computed anew`
}

const degrees = { exact: "", about: "~ ", atMost: "≤ ", atLeast: "≥ " } as const satisfies Record<
  Estimate.Degree,
  string
>

const estimated = (estimate: Estimate.Estimate, form: (value: number) => string, palette: Ansi.Palette): string =>
  estimate._tag === "Known" ? `${degrees[estimate.degree]}${form(estimate.value)}` : palette.dim("unknown")

/** How the figures are made. */
const basis = [
  "Memory is the peak of the session process, estimated from",
  "the graphs that a phase runs; what is measured lies between",
  "0.7 and 1.4 times of it. Work is their matrix products.",
]

/** Each remark once, risky ones first. */
const remarks = (phases: ReadonlyArray<Timeline.Phase>, palette: Ansi.Palette): ReadonlyArray<string> => {
  const all = phases.flatMap(({ known }, at) =>
    (known?.roles.remarks ?? []).map(({ risky, message }) => ({ risky, message, place: headings(phases)[at]! })),
  )
  const said = [...new Set(all.map(({ message }) => message))].map((message) => {
    const same = all.filter((each) => each.message === message)
    return { risky: same[0]!.risky, text: `${same.map(({ place }) => place).join(", ")}: ${message}` }
  })
  return said
    .toSorted((a, b) => Number(b.risky) - Number(a.risky))
    .flatMap(({ risky, text }) => ["", risky ? palette.warn(`! ${text}`) : palette.dim(text)])
}

/** Which steps would tell what is unknown. */
const unknowns = (phases: ReadonlyArray<Timeline.Phase>, palette: Ansi.Palette): ReadonlyArray<string> => {
  const steps = phases.flatMap(({ known, until }) => {
    if (known === undefined) return [until]
    const { cost, updates, weights } = known
    return [updates, cost.cacheBytes, cost.work, ...weights.map(({ share }) => share)].flatMap((estimate) =>
      estimate._tag === "Unknown" ? [estimate.until] : [],
    )
  })
  const named = [...new Set(steps)]
  return named.length === 0 ? [] : ["", palette.dim(`What is unknown, ${named.join(", ")} will tell.`)]
}
