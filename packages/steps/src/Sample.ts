/**
 * Which examples an update takes: how often each task is drawn, how its examples and classes are, how long batches are and
 * what comes first. Plain values for `Train.multiTask` and `Train.phase`; `Resample` makes datasets instead.
 */
export { oversample, undersample, weighted } from "./sample/Classes.ts"
export { effectiveNumber, inverseFrequency } from "./sample/ClassWeights.ts"
export { curriculum, introduce, length, rarity, richestFirst, score } from "./sample/Curriculum.ts"
export { alternate, annealed, Mix, proportional, schedule, scheduleOf, temperature, weights } from "./sample/Mix.ts"
export { type Draw, type Part, tasksOf, without } from "./sample/Draws.ts"
export { tokenBudget } from "./sample/TokenBudget.ts"
