/** The services of a command: store and journal of a home, and the runner of that name. */
import { existsSync } from "node:fs"
import { ArtifactStore } from "@thaw/core/ArtifactStore"
import * as Store from "@thaw/core/ArtifactStore"
import type { ArtifactBroken, JournalBroken } from "@thaw/core/Errors"
import * as Journal from "@thaw/core/Journal"
import { RunEvents } from "@thaw/core/RunEvent"
import type { Runner } from "@thaw/core/Runner"
import type { Sessions } from "@thaw/onnx/Session"
import { Effect, Layer } from "effect"
import type { Arguments, RunnerName } from "./Arguments.ts"
import type { HomeUnusable } from "./Errors.ts"
import * as Home from "./Home.ts"

/** Store and journal below `home`, which is made when it is not there. */
export const layer = (
  home: string,
): Layer.Layer<ArtifactStore | Journal.Journal, ArtifactBroken | JournalBroken | HomeUnusable> =>
  Layer.unwrap(
    Effect.try({ try: () => Home.ensure(home), catch: (cause) => cause as HomeUnusable }).pipe(
      Effect.as(Layer.merge(Store.folder(home), Journal.folder(home))),
    ),
  )

/** To look only: where there is no home yet, none is made. */
export const reading = (
  home: string,
): Layer.Layer<ArtifactStore | Journal.Journal, ArtifactBroken | JournalBroken | HomeUnusable> =>
  existsSync(home) ? layer(home) : Layer.merge(Store.memory, Journal.memory)

/** Where steps run. Loaded when needed. */
export const runner = ({
  runner: name,
  threads,
}: Pick<Arguments, "runner" | "threads">): Layer.Layer<Runner | Sessions, never, RunEvents> =>
  Layer.unwrap(
    Effect.map(Effect.promise(runners[name]), ({ layer }) => layer(threads === undefined ? {} : { threads })),
  )

interface RunnerModule {
  readonly layer: (options: { readonly threads?: number }) => Layer.Layer<Runner | Sessions, never, RunEvents>
}

const runners: Readonly<Record<RunnerName, () => Promise<RunnerModule>>> = {
  local: () => import("@thaw/runners/LocalRunner"),
  gpu: () => import("@thaw/runners/GpuRunner"),
}

/** Here, on every core. */
export const local = runner({ runner: "local", threads: undefined })

/** Where nobody listens. */
export const silent: Layer.Layer<RunEvents> = Layer.succeed(RunEvents, { emit: () => Effect.void })

/** A store that knows no results and no unfinished attempts: every step runs whole, and what is kept stays as it is. */
export const forgetful: Layer.Layer<ArtifactStore, never, ArtifactStore> = Layer.effect(
  ArtifactStore,
  Effect.map(ArtifactStore, (store) => ({
    ...store,
    recall: () => Effect.succeed(undefined),
    progress: () => store.scratch,
    remember: (result) =>
      Effect.flatMap(store.recall(result.key), (kept) => (kept === undefined ? store.remember(result) : Effect.void)),
  })),
)
