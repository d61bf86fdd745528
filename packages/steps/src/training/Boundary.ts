/**
 * What the frozen bottom of the encoder gives for a batch: kept from epoch to epoch, from phase to phase and from run to
 * run where that pays, computed anew where not. Updates take the same bits either way, because an example's vectors do
 * not depend on its company, and because both come from the same graph; padding is zero here and something finite there,
 * which no loss and no gradient reads.
 *
 * A dataset is kept when its vectors fit into what is left of the budget, when the phase draws as many examples as it
 * has, and when there is more below the boundary than the embeddings, which are a look-up themselves.
 */
import { readSync } from "node:fs"
import { ArtifactBroken } from "@thaw/core/Errors"
import { RunEvents } from "@thaw/core/RunEvent"
import * as Boundaries from "@thaw/models/Boundary"
import type { Dimensions } from "@thaw/models/Dimensions"
import type * as Group from "@thaw/models/Group"
import type * as TrainingModel from "@thaw/models/TrainingModel"
import type { SessionFailed } from "@thaw/onnx/Errors"
import type { Graph } from "@thaw/onnx/Graph"
import { type Device, Sessions } from "@thaw/onnx/Session"
import * as Tensor from "@thaw/onnx/Tensor"
import { Effect, Scope } from "effect"
import * as Batch from "../Batch.ts"
import * as BoundaryFile from "./BoundaryFile.ts"
import * as BoundaryFolder from "./BoundaryFolder.ts"
import { type Precision, precisions, round } from "./BoundaryPrecision.ts"
import * as BoundaryRows from "./BoundaryRows.ts"
import * as Updates from "./Updates.ts"

export { sizeBytes } from "./BoundaryRows.ts"

export interface Boundary {
  /** For the event `phaseStarted`. */
  readonly report: { readonly group: Group.Group; readonly cached: boolean; readonly bytes: number } | null
  /** What an update takes for a batch. */
  readonly inputs: Updates.Below
  /** The same unrounded, where the cache keeps half precision. */
  readonly exact: Updates.Below | undefined
}

export interface Options {
  readonly device: Device
  readonly model: TrainingModel.TrainingModel
  readonly dimensions: Pick<Dimensions, "hidden" | "headSize">
  readonly padId: number
  /** Datasets of the phase, each with how many of its examples the phase draws, repeats counted. */
  readonly corpora: ReadonlyArray<{ readonly examples: ReadonlyArray<Batch.EncodedExample>; readonly draws: number }>
  readonly cache: { readonly budgetBytes: number; readonly precision: Precision }
  /** The step run's folders. */
  readonly folders: { readonly cache: string; readonly scratch: string }
  /** The step run's, for events. */
  readonly label: string
}

/** Decides what is kept, and computes what of that is not there yet; open until the scope closes. */
export const open = Effect.fnUntraced(function* (
  options: Options,
): Effect.fn.Return<Boundary, SessionFailed, Scope.Scope | Sessions | RunEvents> {
  const { device, model, cache } = options
  const { boundary, prefix } = model
  if (boundary === undefined || prefix === undefined) {
    return { report: null, inputs: (_, feeds) => Effect.succeed({ feeds, resident: {} }), exact: undefined }
  }
  const layout = { form: boundary.form, hidden: options.dimensions.hidden, precision: cache.precision }
  const exact = yield* recompute(device, prefix)
  const anew = cache.precision === "fp32" ? exact.resident : rounded(exact.fetched, cache.precision)
  const pays = BoundaryRows.pays(boundary.group, options.dimensions, cache.budgetBytes)
  const kept = pays ? yield* filled(options, layout, prefix) : { complete: false, bytes: 0, sources: [] }
  const { emit } = yield* RunEvents
  let noticed = false
  const inputs: Updates.Below = (examples, feeds) => {
    const places = placesOf(kept.sources, examples)
    if (places === undefined) return anew(examples, feeds)
    return Effect.try({
      try: () => ({ feeds: { ...feeds, ...gather(layout, places) }, resident: {} }),
      catch: (cause) => cause,
    }).pipe(
      Effect.catch((cause) => {
        const message = `What is kept of the frozen part cannot be read (${String(cause)}) and is computed anew.`
        const notice = noticed ? Effect.void : emit({ _tag: "noticed", step: options.label, message })
        noticed = true
        return Effect.andThen(notice, anew(examples, feeds))
      }),
    )
  }
  return {
    report: { group: boundary.group, cached: kept.complete, bytes: kept.bytes },
    inputs,
    exact: cache.precision === "fp32" ? undefined : exact.resident,
  }
})

type Vectors = Readonly<Record<string, Tensor.Tensor>>

/** Runs the frozen part for a batch; its session is opened when it is first needed. */
const recompute = Effect.fnUntraced(function* (device: Device, prefix: Graph) {
  const scope = yield* Effect.scope
  const session = yield* Effect.cached(Effect.provideService(device.session(prefix), Scope.Scope, scope))
  const names = prefix.outputs.map(({ name }) => name)
  const crossing = Object.fromEntries(names.map((name) => [name, name]))
  const resident: Updates.Below = (_, feeds) =>
    Effect.flatMap(session, ({ run }) =>
      Effect.as(run({ feeds: Updates.accepted(feeds, prefix), keep: crossing }), { feeds, resident: crossing }),
    )
  const fetched = (feeds: Vectors) =>
    Effect.flatMap(session, ({ run }) => run({ feeds: Updates.accepted(feeds, prefix), fetch: names }))
  return { resident, fetched }
})

type Fetched = (feeds: Vectors) => Effect.Effect<Vectors, SessionFailed>

/** What is computed anew is as exact as what is kept: the precision is a property of the phase. */
const rounded =
  (fetched: Fetched, precision: Precision): Updates.Below =>
  (_, feeds) =>
    Effect.map(fetched(feeds), (vectors) => ({
      feeds: {
        ...feeds,
        ...Object.fromEntries(
          Object.entries(vectors).map(([name, { shape, data }]) => [
            name,
            Tensor.float32(shape, round(precision, data as Float32Array)),
          ]),
        ),
      },
      resident: {},
    }))

/** Rows of a dataset and the open chunks that hold them. */
interface Source {
  readonly rows: BoundaryRows.Rows
  readonly chunks: ReadonlyArray<Opened>
}

interface Opened extends BoundaryFolder.Open {
  /** Where the vectors of each row of the chunk start, in tokens. */
  readonly starts: ReadonlyArray<number>
}

/** The frozen part is not held in memory once all is kept. */
const filled = Effect.fnUntraced(function* (options: Options, layout: BoundaryRows.Layout, prefix: Graph) {
  const scope = yield* Effect.scope
  return yield* Effect.scoped(
    Effect.flatMap(recompute(options.device, prefix), ({ fetched }) =>
      Effect.provideService(keep(options, layout, prefix, fetched), Scope.Scope, scope),
    ),
  )
})

/** Makes every dataset that is worth it complete on disk. */
const keep = Effect.fnUntraced(function* (
  options: Options,
  layout: BoundaryRows.Layout,
  prefix: Graph,
  fetched: Fetched,
) {
  const { budgetBytes } = options.cache
  const { emit } = yield* RunEvents
  const sessions = yield* Sessions
  const keyOf = BoundaryRows.keys(prefix, yield* sessions.environment, layout)
  const sources: Array<Source> = []
  const using = new Set<string>()
  let bytes = 0
  const notice = (message: string) => emit({ _tag: "noticed", step: options.label, message })
  for (const { examples, draws } of options.corpora) {
    const rows = BoundaryRows.of(examples)
    const wanted = BoundaryRows.sizeBytes(
      layout.form,
      rows.examples.length,
      rows.tokens,
      layout.hidden,
      layout.precision,
    )
    if (bytes + wanted > budgetBytes) {
      yield* notice(
        `What the frozen part gives for ${rows.examples.length} examples is ${megabytes(wanted)}, more than is left of the ${megabytes(budgetBytes)} for it: computed anew for every batch.`,
      )
      continue
    }
    const key = keyOf(rows)
    const folder = `${BoundaryFolder.root(options.folders.cache)}/${key}`
    const chunks = BoundaryRows.chunks(rows, layout)
    if (draws < rows.examples.length && !(yield* BoundaryFolder.isComplete(folder, chunks))) continue
    using.add(key)
    yield* BoundaryFolder.makeRoom(options.folders.cache, bytes + wanted, budgetBytes, using)
    const opened = yield* fill(options, layout, rows, chunks, folder, fetched).pipe(
      Effect.catchTag("ArtifactBroken", ({ message }) =>
        Effect.as(notice(`${message} What the frozen part gives is computed anew for every batch.`), undefined),
      ),
    )
    if (opened === undefined) continue
    yield* BoundaryFolder.touch(folder)
    sources.push({ rows, chunks: opened })
    bytes += wanted
  }
  return { complete: sources.length > 0 && sources.length === options.corpora.length, bytes, sources }
})

const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(1)} MB`

/** Opens every chunk, computing those that are absent or damaged. */
const fill = Effect.fnUntraced(function* (
  { label, padId, folders }: Options,
  layout: BoundaryRows.Layout,
  rows: BoundaryRows.Rows,
  chunks: ReadonlyArray<BoundaryRows.Chunk>,
  folder: string,
  fetched: Fetched,
): Effect.fn.Return<ReadonlyArray<Opened>, ArtifactBroken | SessionFailed, Scope.Scope | RunEvents> {
  const { emit } = yield* RunEvents
  const found: Array<Opened> = []
  const of = rows.examples.length
  const progressed = (done: number) => emit({ _tag: "progressed", step: label, done, of, unit: "frozen examples" })
  for (const chunk of chunks) {
    const lengths = rows.examples.slice(chunk.first, chunk.end).map(BoundaryRows.lengthOf)
    let opened = yield* BoundaryFolder.open(folder, chunk, layout)
    if (opened === "damaged") {
      const message = `A file of what the frozen part gives was damaged; its ${lengths.length} examples are computed again.`
      yield* emit({ _tag: "noticed", step: label, message })
    }
    if (opened === "absent" || opened === "damaged") {
      const vectors = yield* compute(layout, rows, chunk, padId, fetched, progressed)
      yield* BoundaryFolder.write(
        folder,
        chunk,
        BoundaryFile.encode(layout, chunk.first, lengths, vectors),
        folders.scratch,
      )
      opened = yield* BoundaryFolder.open(folder, chunk, layout)
    }
    if (typeof opened === "string") {
      return yield* new ArtifactBroken({
        where: folder,
        expected: "the files just written",
        got: `one that is ${opened}`,
        advice: "",
      })
    }
    found.push({ ...opened, starts: BoundaryFile.startsOf(lengths) })
  }
  return found
})

/** Tokens, padding included, that go through the frozen part at once. */
export const tokensAtOnce = 4096

/** Vectors of a chunk's rows. */
const compute = Effect.fnUntraced(function* (
  { form, hidden }: BoundaryRows.Layout,
  { examples }: BoundaryRows.Rows,
  { first, end }: BoundaryRows.Chunk,
  padId: number,
  fetched: Fetched,
  progressed: (done: number) => Effect.Effect<void>,
): Effect.fn.Return<BoundaryFile.Vectors, SessionFailed> {
  const starts = BoundaryFile.startsOf(examples.slice(first, end).map(BoundaryRows.lengthOf))
  const vectors = Object.fromEntries(
    form.map((reading) => [reading, new Float32Array((reading === "tokens" ? starts.at(-1)! : end - first) * hidden)]),
  )
  for (let from = first; from < end;) {
    // Rows are sorted, so the last of a batch is its longest.
    let to = from + 1
    while (to < end && (to + 1 - from) * BoundaryRows.lengthOf(examples[to]!) <= tokensAtOnce) to++
    const { feeds } = Batch.make(examples.slice(from, to), {}, padId)
    const outputs = yield* fetched(feeds)
    const width = feeds["input_ids"]!.shape[1]!
    for (const reading of form) {
      const given = outputs[Boundaries.nameOf[reading]]!.data as Float32Array
      const target = vectors[reading]!
      if (reading !== "tokens") target.set(given, (from - first) * hidden)
      else {
        for (let row = from; row < to; row++) {
          const begin = (row - from) * width * hidden
          const length = BoundaryRows.lengthOf(examples[row]!) * hidden
          target.set(given.subarray(begin, begin + length), starts[row - first]! * hidden)
        }
      }
    }
    yield* progressed(to)
    from = to
  }
  return vectors
})

interface Place {
  readonly opened: Opened
  /** In the chunk. */
  readonly row: number
}

/** Where each example's row is; undefined unless all are kept. */
const placesOf = (
  sources: ReadonlyArray<Source>,
  examples: ReadonlyArray<Batch.EncodedExample>,
): ReadonlyArray<Place> | undefined => {
  const places: Array<Place> = []
  for (const example of examples) {
    const digest = BoundaryRows.digestOf(example)
    const source = sources.find(({ rows }) => rows.index.has(digest))
    if (source === undefined) return undefined
    const row = source.rows.index.get(digest)!
    const opened = source.chunks.findLast(({ chunk }) => chunk.first <= row)!
    places.push({ opened, row: row - opened.chunk.first })
  }
  return places
}

/** The rows as one tensor a reading, padded with zeros to the longest. */
const gather = ({ form, hidden, precision }: BoundaryRows.Layout, places: ReadonlyArray<Place>): Vectors => {
  const { bytes, unpack } = precisions[precision]
  const lengths = places.map(({ opened: { starts }, row }) => starts[row + 1]! - starts[row]!)
  const longest = Math.max(...lengths)
  return Object.fromEntries(
    form.map((reading) => {
      const width = reading === "tokens" ? longest : 1
      const target = new Float32Array(places.length * width * hidden)
      places.forEach(({ opened: { descriptor, offsets, starts }, row }, at) => {
        const start = reading === "tokens" ? starts[row]! : row
        const size = (reading === "tokens" ? lengths[at]! : 1) * hidden
        const kept = new Uint8Array(size * bytes)
        if (readSync(descriptor, kept, 0, kept.length, offsets[reading]! + start * hidden * bytes) !== kept.length) {
          throw new RangeError("the file is shorter than it was")
        }
        unpack(kept, target.subarray(at * width * hidden, at * width * hidden + size))
      })
      return [Boundaries.nameOf[reading], Tensor.float32([places.length * width, hidden], target)]
    }),
  )
}
