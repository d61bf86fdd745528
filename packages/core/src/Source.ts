/**
 * Inputs that live outside the store: a file or a folder named by the author. Their content, not their path, goes
 * into the key of the step that reads them. Relative paths are relative to the pipeline's file.
 */

/** A resolved source, as a step's `run` receives it. */
export interface Located {
  /** Absolute path. */
  readonly path: string
  /** As the author wrote it: for messages. */
  readonly written: string
}

export interface Source {
  readonly _tag: "Source"
  readonly form: "file" | "folder"
}

/** One file. */
export const file: Source = { _tag: "Source", form: "file" }
/** A folder: every file below it is part of the content. */
export const folder: Source = { _tag: "Source", form: "folder" }
