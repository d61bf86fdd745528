/**
 * What the card of a dataset (`README.md`, YAML between `---` lines at its start) says about its files: the names of
 * labels in `dataset_info`, and in `configs` which files belong to which split. A card is prose for people first: what
 * cannot be understood in it counts as not said.
 */
import { Schema } from "effect"
import { parse } from "yaml"
import type { LabelNames } from "./Columns.ts"

/** Files of a configuration. */
export interface Configuration {
  readonly name: string
  readonly isDefault: boolean
  /** Globs of paths by split. */
  readonly patterns: ReadonlyMap<string, ReadonlyArray<string>>
}

export interface Card {
  readonly configurations: ReadonlyArray<Configuration>
  /** By configuration; `default` where the card names none. */
  readonly labelNames: ReadonlyMap<string, LabelNames>
}

export const none: Card = { configurations: [], labelNames: new Map() }

export const read = (text: string): Card => {
  const [, front] = /^---\r?\n([\s\S]*?)\r?\n---/.exec(text) ?? []
  const fields = front === undefined ? undefined : record(yaml(front))
  return fields === undefined
    ? none
    : {
        configurations: list(fields["configs"]).flatMap(configuration),
        labelNames: new Map(list(fields["dataset_info"]).flatMap(labelNames)),
      }
}

const yaml = (text: string): unknown => {
  try {
    return parse(text)
  } catch {
    return undefined
  }
}

const isRecord = Schema.is(Schema.Record(Schema.String, Schema.Unknown))
const record = (value: unknown): Readonly<Record<string, unknown>> | undefined => (isRecord(value) ? value : undefined)
/** One where there may be several. */
const list = (value: unknown): ReadonlyArray<unknown> =>
  Array.isArray(value) ? value : value === undefined || value === null ? [] : [value]
const strings = (value: unknown): ReadonlyArray<string> => list(value).filter((each) => typeof each === "string")
const nameOf = (value: unknown): string => (typeof value === "string" ? value : "default")

const configuration = (value: unknown): ReadonlyArray<Configuration> => {
  const fields = record(value)
  if (fields === undefined) return []
  const patterns = new Map<string, ReadonlyArray<string>>()
  for (const each of list(fields["data_files"])) {
    const files = record(each)
    const [split, paths] = files === undefined ? ["train", each] : [files["split"] ?? "train", files["path"]]
    if (typeof split === "string") patterns.set(split, [...(patterns.get(split) ?? []), ...strings(paths)])
  }
  return [{ name: nameOf(fields["config_name"]), isDefault: fields["default"] === true, patterns }]
}

const labelNames = (value: unknown): ReadonlyArray<readonly [configuration: string, names: LabelNames]> => {
  const fields = record(value)
  if (fields === undefined) return []
  const named = list(fields["features"]).flatMap((each) => {
    const feature = record(each) ?? {}
    // Of a label, of a list of labels, and of a list whose items say their type.
    const kinds = [feature["dtype"], feature["sequence"], feature["list"]].map(record)
    const classes = [...kinds, ...kinds.map((kind) => record(kind?.["dtype"]))].map((kind) => kind?.["class_label"])
    const names = record(record(classes.find((found) => found !== undefined))?.["names"])
    const column = feature["name"]
    return names === undefined || typeof column !== "string" ? [] : [[column, inOrder(names)] as const]
  })
  return [[nameOf(fields["config_name"]), Object.fromEntries(named)]]
}

/** Written by number: `'0': negative`. */
const inOrder = (names: Readonly<Record<string, unknown>>): ReadonlyArray<string> =>
  Object.entries(names)
    .sort(([a], [b]) => Number(a) - Number(b))
    .map(([, name]) => String(name))
