/** Everything a pipeline that trains runs in: the local runner and its session processes, a store and a journal. */
import * as ArtifactStore from "@thaw/core/ArtifactStore"
import * as Dag from "@thaw/core/Dag"
import * as Driver from "@thaw/core/Driver"
import * as Journal from "@thaw/core/Journal"
import * as Pipeline from "@thaw/core/Pipeline"
import { RunEvents } from "@thaw/core/RunEvent"
import type { RunEvent } from "@thaw/core/RunEvent"
import * as Step from "@thaw/core/Step"
import type * as Wire from "@thaw/core/Wire"
import type { Sessions } from "@thaw/onnx/Session"
import * as LocalRunner from "@thaw/runners/LocalRunner"
import * as SessionProcess from "@thaw/runners/SessionProcess"
import { Clock, Effect, Layer, ManagedRuntime } from "effect"
import type { Exit } from "effect"

export interface Options {
  readonly threads?: number
  /** Where graphs run, in place of a process for each device. */
  readonly sessions?: Layer.Layer<Sessions>
  /** Folder of store and journal; without it both are in memory. */
  readonly home?: string
  /** Where relative paths of sources start. */
  readonly folder?: string
  /** In place of the machine's. */
  readonly clock?: Clock.Clock
}

type Outputs = Readonly<Record<string, Wire.Wire<unknown>>>

export const make = ({
  threads = 1,
  sessions = SessionProcess.layer({ threads }),
  home,
  folder = "/",
  clock,
}: Options = {}) => {
  const events: Array<RunEvent> = []
  const watchers = new Set<(event: RunEvent) => void>()
  const observer = Layer.succeed(RunEvents, {
    emit: (event) =>
      Effect.sync(() => {
        events.push(event)
        for (const watcher of watchers) watcher(event)
      }),
  })
  const kept =
    home === undefined
      ? Layer.merge(ArtifactStore.memory, Journal.memory)
      : Layer.merge(ArtifactStore.folder(home), Journal.folder(home))
  const runner = LocalRunner.runner.pipe(Layer.provideMerge(Layer.merge(sessions, observer)))
  const timed = clock === undefined ? Layer.empty : Layer.succeed(Clock.Clock, clock)
  const runtime = ManagedRuntime.make(Layer.mergeAll(runner, kept, timed))
  const drive = (outputs: Outputs, seed: number) =>
    Effect.gen(function* () {
      const pipeline = Pipeline.make("world", { seed, outputs })
      const journal = yield* Journal.Journal
      const start = { pipeline: pipeline.name, file: "x.ts", seed, arguments: {}, versions: {}, machine: {} }
      const handle = yield* journal.begin(start)
      const dag = Dag.make(pipeline, {}, folder)
      const setting = { folder, seed, pipeline: pipeline.name, code: "say", run: handle.id } as const
      const outcomes = yield* Driver.run(dag, setting, handle)
      yield* handle.finish("done")
      return { dag, outcomes }
    }).pipe(Effect.scoped, Effect.catchTag("JournalBroken", Effect.die))

  /** Label → "ran" or "cached"; values, hashes and (with a home) folders of the outputs. */
  const run = async <O extends Outputs>(outputs: O, seed = 7) => {
    const { dag, outcomes } = await runtime.runPromise(drive(outputs, seed))
    const values: Record<string, unknown> = {}
    const hashes: Record<string, string> = {}
    const folders: Record<string, string> = {}
    for (const [name, { node, output }] of Object.entries(dag.outputs)) {
      const reference = outcomes.get(node)!.result.outputs[output]!
      hashes[name] = reference.hash
      await runtime.runPromise(
        Effect.gen(function* () {
          const store = yield* ArtifactStore.ArtifactStore
          folders[name] = (yield* store.path(reference)) ?? ""
          values[name] = yield* Step.outputsOf(node.step)[output]!.read(yield* store.get(reference))
        }),
      )
    }
    return {
      steps: Object.fromEntries([...outcomes].map(([node, { cached }]) => [node.label, cached ? "cached" : "ran"])),
      values: values as { readonly [K in keyof O]: O[K] extends Wire.Wire<infer T> ? T : never },
      hashes: hashes as { readonly [K in keyof O]: string },
      folders: folders as { readonly [K in keyof O]: string },
    }
  }

  return {
    events,
    run,
    dispose: () => runtime.dispose(),
    failure: (outputs: Outputs, seed = 7) => runtime.runPromise(Effect.flip(drive(outputs, seed))),
    /** Runs until an event satisfies `until`, then interrupts as Ctrl-C does. */
    interrupted: (outputs: Outputs, until: (event: RunEvent) => boolean, seed = 7) => {
      const fiber = runtime.runFork(drive(outputs, seed))
      let asked = 0
      watchers.add((event) => {
        if (asked > 0 || !until(event)) return
        asked = Date.now()
        fiber.interruptUnsafe()
      })
      return new Promise<{ readonly exit: Exit.Exit<unknown, unknown>; readonly millis: number }>((done) =>
        fiber.addObserver((exit) => done({ exit, millis: Date.now() - asked })),
      )
    },
    /** Status of the latest run, as the journal has it. */
    status: () =>
      runtime.runPromise(
        Effect.flatMap(Journal.Journal, (journal) => Effect.map(journal.runs(1), ([latest]) => latest?.status)),
      ),
  }
}
