/**
 * One row of the table of operators: where ONNX defines it, its attributes, and the type of its results.
 *
 * Rows are data: the text form, the bytes, the checks and (in autodiff) the gradients all read this one description.
 */
import type { Attribute } from "./Attribute.ts"
import type { GraphError } from "./Errors.ts"
import * as Shape from "./Shape.ts"
import type { Type } from "./Type.ts"

/** `""` is ONNX's own domain. */
export type Domain = "" | "com.microsoft"

/** An argument whose name ends in `?` may be left out. */
export type Argument<Name, T> = Name extends `${string}?` ? T | undefined : T

/** `["X", "B?"]` → `[T, T | undefined]`; any number of arguments when the names are no fixed list. */
export type Arguments<Names extends ReadonlyArray<string>, T> = { readonly [I in keyof Names]: Argument<Names[I], T> }

export type Results<Names extends ReadonlyArray<string>, T> = { readonly [I in keyof Names]: T }

export type AttributeKinds = Readonly<Record<string, Attribute<unknown>>>

export type AttributesOf<Kinds> = {
  readonly [K in keyof Kinds]: Kinds[K] extends Attribute<infer V> ? V : never
}

/** The error of a row that is given what it is not defined for; the caller adds the operator and what it got. */
export type Refuse = (expected: string, advice?: string) => GraphError

export interface Operator<
  Inputs extends ReadonlyArray<string> = ReadonlyArray<string>,
  Outputs extends ReadonlyArray<string> = ReadonlyArray<string>,
  Kinds extends AttributeKinds = AttributeKinds,
> {
  readonly domain: Domain
  /** The operator-set version this row follows: the newest that changed the operator, up to the one graphs declare. */
  readonly since: number
  /** Names as in ONNX's operator documentation; an output whose name ends in `?` need not be computed. */
  readonly inputs: Inputs
  readonly outputs: Outputs
  readonly attributes: Kinds
  readonly infer: (
    inputs: Arguments<Inputs, Type>,
    attributes: AttributesOf<Kinds>,
    refuse: Refuse,
  ) => Results<Outputs, Type>
}

/** The shape that operands broadcast to; refused where they do not. */
export const broadcast = (refuse: Refuse, ...shapes: ReadonlyArray<Shape.Shape>): Shape.Shape => {
  const shape = Shape.broadcast(...shapes)
  if (shape === undefined) throw refuse("shapes that broadcast")
  return shape
}

/** Keeps a row's literal types. */
export const make = <
  const Inputs extends ReadonlyArray<string>,
  const Outputs extends ReadonlyArray<string>,
  const Kinds extends AttributeKinds,
>(
  row: Operator<Inputs, Outputs, Kinds>,
): Operator<Inputs, Outputs, Kinds> => row
