/**
 * Where results are kept: artifacts by the hash of their content, and for every step run's key what it gave.
 *
 * ```
 * <root>/store/artifacts/<hash>/manifest.json   names, sizes, SHA-256; its own hash is <hash>
 * <root>/store/artifacts/<hash>/files/…         read-only
 * <root>/store/results/<key>.json               a StepResult
 * <root>/store/scratch/<owner>-…/               work in progress; the owner is a process
 * <root>/store/progress/<key>/                  what an unfinished step run has so far, for its next attempt
 * <root>/store/cache/<part>/…                   what can be computed again; a part of a step looks after its own
 * ```
 *
 * Whatever stands under `artifacts` and `results` is complete: it is written in scratch, flushed and renamed. Several
 * processes may share the folder.
 */
import { Context, Effect, Layer } from "effect"
import type { Scope } from "effect"
import type * as Artifact from "./Artifact.ts"
import type { ArtifactBroken } from "./Errors.ts"
import * as StoreFolder from "./internal/StoreFolder.ts"
import * as StoreMemory from "./internal/StoreMemory.ts"
import type { StepResult } from "./StepResult.ts"

export { StepResult } from "./StepResult.ts"

export class ArtifactStore extends Context.Service<
  ArtifactStore,
  {
    /**
     * Keeps files under the hash of their names and bytes; equal content is kept once. A file that lies in `scratch` may
     * be taken over instead of copied and is not to be changed afterwards.
     */
    readonly put: (kind: string, files: Artifact.Files) => Effect.Effect<Artifact.Reference, ArtifactBroken>
    /**
     * The files, each compared with the size and SHA-256 it was kept with, at every call. Fails where one is missing or
     * was changed, naming it.
     */
    readonly get: (reference: Artifact.Reference) => Effect.Effect<Artifact.Files, ArtifactBroken>
    /**
     * Whether the artifact is there, judged by its manifest and the sizes of its files. Fails where it is there but
     * damaged.
     */
    readonly has: (hash: string) => Effect.Effect<boolean, ArtifactBroken>
    /** Folder with the artifact's files; `undefined` where the store is in memory. */
    readonly path: (reference: Artifact.Reference) => Effect.Effect<string | undefined>
    /** What the step run with this key gave; `undefined` when it never ran or one of its artifacts is gone. */
    readonly recall: (key: string) => Effect.Effect<StepResult | undefined, ArtifactBroken>
    readonly remember: (result: StepResult) => Effect.Effect<void, ArtifactBroken>
    /** An empty folder on the store's file system, removed with the scope. */
    readonly scratch: Effect.Effect<string, ArtifactBroken, Scope.Scope>
    /**
     * The folder where a step run with this key keeps what it has so far: empty at first, as it was left at the next
     * attempt, gone when its result is remembered. While another process works on the same key, a scratch folder instead.
     */
    readonly progress: (key: string) => Effect.Effect<string, ArtifactBroken, Scope.Scope>
    /** The folder that all step runs share for what can be computed again. */
    readonly cache: Effect.Effect<string, ArtifactBroken>
  }
>()("@thaw/core/ArtifactStore") {}

/** The store below `root` (the project's `.thaw`). Scratch folders that dead processes left behind are removed first. */
export const folder = (root: string): Layer.Layer<ArtifactStore, ArtifactBroken> =>
  Layer.effect(ArtifactStore, Effect.map(StoreFolder.make(root), ArtifactStore.of))

/** A store that ends with its layer: for tests. Scratch folders lie in the system's temporary folder. */
export const memory: Layer.Layer<ArtifactStore> = Layer.effect(
  ArtifactStore,
  Effect.map(StoreMemory.make(), ArtifactStore.of),
)
