/**
 * Cleaning: steps that make examples alike, distinct and sensible before they are split. Each gives the examples and a
 * report of what it removed and changed.
 */
export { duplicates } from "./clean/Duplicates.ts"
export { labels } from "./clean/Labels.ts"
export { length } from "./clean/Length.ts"
export { text } from "./clean/Text.ts"
