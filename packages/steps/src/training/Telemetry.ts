/**
 * Gradients of tasks as they are looked at now and then: how long each is in every group, and where two of them point.
 *
 * A balancer that combines gradients tells those of its own update. Otherwise a batch of each task is drawn for the
 * purpose, from a stream of its own: what trains never depends on whether it is looked at.
 */
import * as Seed from "@thaw/core/Seed"
import type * as Course from "../sample/Course.ts"
import type * as Draws from "../sample/Draws.ts"
import * as Balanced from "./Balanced.ts"
import type { Settings } from "./Settings.ts"
import type * as Updates from "./Updates.ts"

/** Whether gradients are looked at before the update that comes after so many. */
export const isDue = ({ telemetry }: Pick<Settings, "telemetry">, update: number): boolean =>
  telemetry !== undefined && update % telemetry.everyUpdates === 0

/** A batch of each task, as so many updates were made. */
export const parts = (
  pools: ReadonlyArray<Course.Pool>,
  batch: number,
  seed: Seed.Seed,
  update: number,
): ReadonlyArray<Draws.Part> =>
  pools.map(({ task, size }) => {
    const stream = Seed.stream(seed, "telemetry", task, String(update))
    return { task, rows: Array.from({ length: batch }, () => stream.int(size)) }
  })

/** Group by group, from the top down. */
export const seen = (update: number, { tasks, groups }: Updates.Grams): ReadonlyArray<Balanced.Seen> =>
  Object.entries(groups)
    .reverse()
    .map(([group, products]) => Balanced.seen(update, group, tasks, products))
