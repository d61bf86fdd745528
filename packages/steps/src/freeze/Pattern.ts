/**
 * Patterns of groups, as freeze plans write them:
 *
 * ```
 * *             every group              embeddings   block.5   head.topic   one group
 * heads         every head               blocks       every block
 * block.3+      block 3 and those above  block.-1     the topmost; block.-2+ the topmost two
 * head.t*       what the * completes     !head.topic  not this one, whatever else matches
 * ```
 */
import { PipelineInvalid } from "@thaw/core/Errors"
import * as Problem from "@thaw/core/Problem"
import * as Group from "@thaw/models/Group"

export type Pattern = string

const isExclusion = (pattern: Pattern): boolean => pattern.startsWith("!")

/** The pattern without its exclamation mark. */
const bare = (pattern: Pattern): Pattern => (isExclusion(pattern) ? pattern.slice(1) : pattern)

/** `block.3+`, `block.-1` */
const ofBlocks = (pattern: Pattern): { readonly block: number; readonly above: boolean } | undefined => {
  const found = /^block\.(-?\d+)(\+?)$/.exec(pattern)
  return found === null ? undefined : { block: Number(found[1]), above: found[2] === "+" }
}

const matches = (pattern: Pattern, group: Group.Group, blocks: number): boolean => {
  if (pattern === "heads") return Group.taskOf(group) !== undefined
  if (pattern === "blocks") return group.startsWith("block.")
  const named = ofBlocks(pattern)
  if (named !== undefined) {
    if (!group.startsWith("block.")) return false
    const index = Number(group.slice("block.".length))
    const lowest = named.block < 0 || Object.is(named.block, -0) ? blocks + named.block : named.block
    return named.above ? lowest >= 0 && index >= lowest && lowest < blocks : index === lowest
  }
  return glob(pattern).test(group)
}

const glob = (pattern: Pattern): RegExp =>
  new RegExp(
    `^${pattern
      .split("*")
      .map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"))
      .join(".*")}$`,
  )

/**
 * Groups that some pattern matches and no exclusion does, bottom to top.
 *
 * Throws `PipelineInvalid` when a pattern matches nothing.
 *
 * @param where what is to blame, for the message
 * @param tasks whose heads there are
 */
export const groups = (
  patterns: ReadonlyArray<Pattern>,
  blocks: number,
  tasks: Iterable<string>,
  where = "freeze plan",
): ReadonlyArray<Group.Group> => {
  const all = Group.all(blocks, tasks)
  for (const pattern of patterns) {
    if (!all.some((group) => matches(bare(pattern), group, blocks))) throw unmatched(pattern, all, blocks, where)
  }
  const included = patterns.filter((pattern) => !isExclusion(pattern))
  const excluded = patterns.filter(isExclusion).map(bare)
  const some = (of: ReadonlyArray<Pattern>, group: Group.Group) => of.some((pattern) => matches(pattern, group, blocks))
  return all.filter((group) => some(included, group) && !some(excluded, group))
}

/** Tasks whose heads the patterns match: known before the number of blocks is. */
export const tasks = (patterns: ReadonlyArray<Pattern>, all: Iterable<string>): ReadonlyArray<string> =>
  [...all].filter((task) => {
    const some = (of: ReadonlyArray<Pattern>) => of.some((pattern) => matches(bare(pattern), Group.head(task), 0))
    return some(patterns.filter((pattern) => !isExclusion(pattern))) && !some(patterns.filter(isExclusion))
  })

const unmatched = (pattern: Pattern, all: ReadonlyArray<Group.Group>, blocks: number, where: string) => {
  const named = ofBlocks(bare(pattern))
  return named === undefined
    ? new PipelineInvalid({
        where,
        expected: "patterns that match groups of the network",
        got: JSON.stringify(pattern),
        advice: Problem.suggestion(bare(pattern).replaceAll("*", ""), [...all, "heads", "blocks"]),
      })
    : new PipelineInvalid({
        where,
        expected: `a block of the encoder, 0 to ${blocks - 1}`,
        got: JSON.stringify(pattern),
        advice: "To freeze every block, use Freeze.backbone().",
      })
}
