/**
 * The parts of a network that freeze and learn together, bottom to top: `embeddings`, `block.0` … `block.(N−1)`, then
 * one `head.<task>` for each task.
 */

/** A group's name. */
export type Group = string

export const embeddings: Group = "embeddings"
export const block = (index: number): Group => `block.${index}`
export const head = (task: string): Group => `head.${task}`

/** The encoder's groups, bottom to top. */
export const ofEncoder = (blocks: number): ReadonlyArray<Group> => [
  embeddings,
  ...Array.from({ length: blocks }, (_, index) => block(index)),
]

/** All groups, bottom to top; heads stand side by side, in order of their tasks' names. */
export const all = (blocks: number, tasks: Iterable<string>): ReadonlyArray<Group> => [
  ...ofEncoder(blocks),
  ...[...tasks].sort().map(head),
]

/** The low-rank adapters of a group of the encoder, see `Lora`: `lora.block.0`. No pattern of groups names them. */
export const adapters = (group: Group): Group => `lora.${group}`
export const isAdapters = (group: Group): boolean => group.startsWith("lora.")

/** The part of the network that computes with a group's parameters: for adapters the group they are adapters of. */
export const hostOf = (group: Group): Group => (isAdapters(group) ? group.slice("lora.".length) : group)

/** The task whose head this group is. */
export const taskOf = (group: Group): string | undefined =>
  group.startsWith("head.") ? group.slice("head.".length) : undefined

/**
 * Height of a group as learning rates count it: embeddings 0, block i is i + 1, heads are blocks + 2 (the convention of
 * ELECTRA's code, which leaves blocks + 1 to a pooler). Adapters are as high as their block.
 */
export const depth = (group: Group, blocks: number): number => {
  const host = hostOf(group)
  return host === embeddings ? 0 : taskOf(host) === undefined ? Number(host.slice("block.".length)) + 1 : blocks + 2
}
