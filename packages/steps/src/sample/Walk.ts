/**
 * The order in which one task's examples are drawn.
 *
 * With quotas a walk goes through passes: each is a fresh random order of the examples that may be drawn, and none repeats
 * before all were seen. An example that a curriculum lets in while a pass is under way is drawn in that pass still. With
 * independent draws every example is drawn with its probability, whatever came before.
 */
import * as Seed from "@thaw/core/Seed"
import * as Classes from "./Classes.ts"
import * as ClassWeights from "./ClassWeights.ts"
import * as Curriculum from "./Curriculum.ts"
import * as Quota from "./Quota.ts"

export interface Walk {
  /** Position of the next example. @param done part of the phase that is done, 0 to 1; never falls */
  readonly next: (done: number) => number
  /** Draws until the pass is over, at least 1; without end for independent draws. */
  readonly left: (done: number) => number
}

/** What a walk goes through. */
export interface Rows {
  readonly size: number
  /** Class of each row, for balancing; no row is without. */
  readonly classes?: ArrayLike<number>
  /** Difficulty of each row, for a curriculum. */
  readonly difficulty?: ArrayLike<number>
}

export interface Told {
  readonly draw: "quota" | "independent"
  readonly classes: Classes.Classes | undefined
  readonly curriculum: Curriculum.Curriculum | undefined
}

/** Every example once per pass. */
export const plain: Told = { draw: "quota", classes: undefined, curriculum: undefined }

/** Deterministic in the seed. */
export const make = (rows: Rows, told: Told, seed: Seed.Seed, name: string): Walk => {
  const { difficulty, size } = rows
  const all =
    told.curriculum !== undefined && difficulty !== undefined
      ? Curriculum.ranked(difficulty)
      : Uint32Array.from({ length: size }, (_, position) => position)
  return told.classes === undefined || rows.classes === undefined
    ? through(all, told, Seed.stream(seed, "examples", name))
    : balanced(all, rows.classes, told.classes, told, seed, name)
}

/** @param rows from the easiest to the hardest where there is a curriculum */
const through = (rows: Uint32Array, { draw, curriculum }: Told, stream: Seed.Stream): Walk => {
  const available =
    curriculum === undefined ? () => rows.length : (done: number) => Curriculum.available(curriculum, rows.length, done)
  if (draw === "independent") {
    return { next: (done) => rows[stream.int(available(done))]!, left: () => Infinity }
  }
  return curriculum === undefined ? shuffled(rows, stream) : growing(rows, available, stream)
}

/** Every pass shuffles the rows as they first were, so that it does not depend on the passes before. */
const shuffled = (rows: Uint32Array, stream: Seed.Stream): Walk => {
  const order = new Uint32Array(rows.length)
  let at = rows.length
  return {
    next: () => {
      if (at === rows.length) {
        order.set(rows)
        shuffle(order, stream)
        at = 0
      }
      return order[at++]!
    },
    left: () => (at === rows.length ? rows.length : rows.length - at),
  }
}

/** A bag of the rows of this pass that were not drawn yet; those that are let in are put into it. */
const growing = (rows: Uint32Array, available: (done: number) => number, stream: Seed.Stream): Walk => {
  const bag = new Uint32Array(rows.length)
  let inside = 0
  let admitted = 0
  return {
    next: (done) => {
      const may = available(done)
      if (inside === 0 && admitted >= may) admitted = 0
      while (admitted < may) bag[inside++] = rows[admitted++]!
      const place = stream.int(inside)
      const drawn = bag[place]!
      bag[place] = bag[--inside]!
      return drawn
    },
    left: (done) => inside + Math.max(0, available(done) - admitted) || available(done),
  }
}

const balanced = (
  all: Uint32Array,
  classOf: ArrayLike<number>,
  classes: Classes.Classes,
  told: Told,
  seed: Seed.Seed,
  name: string,
): Walk => {
  const labels = all.reduce((most, row) => Math.max(most, classOf[row]! + 1), 0)
  const counts = ClassWeights.counts(
    Array.from(all, (row) => classOf[row]!),
    labels,
  )
  const walks = counts.map((_, label) =>
    through(
      all.filter((row) => classOf[row] === label),
      told,
      Seed.stream(seed, "examples", name, String(label)),
    ),
  )
  const targets = Classes.targets(classes, counts)
  const stream = Seed.stream(seed, "classes", name)
  if (told.draw === "independent") {
    const pick = among(targets(), stream)
    return { next: (done) => walks[pick()]!.next(done), left: () => Infinity }
  }
  let order = new Uint32Array(0)
  let at = 0
  const left = () => {
    if (at === order.length) {
      order = Quota.positions(targets())
      shuffle(order, stream)
      at = 0
    }
    return order.length - at
  }
  return {
    next: (done) => {
      left()
      return walks[order[at++]!]!.next(done)
    },
    left,
  }
}

/** Draws positions with probabilities proportional to the masses. */
export const among = (masses: ReadonlyArray<number>, stream: Seed.Stream): (() => number) => {
  const total = masses.reduce((sum, mass) => sum + mass, 0)
  const last = masses.findLastIndex((mass) => mass > 0)
  return () => {
    let place = stream.float() * total
    for (let at = 0; at < last; at++) {
      place -= masses[at]!
      if (place < 0) return at
    }
    return last
  }
}

/** Fisher–Yates, in place. */
export const shuffle = (values: Uint32Array | Array<unknown>, stream: Seed.Stream): void => {
  for (let last = values.length - 1; last > 0; last--) {
    const other = stream.int(last + 1)
    const held = values[last]!
    values[last] = values[other]!
    values[other] = held
  }
}
