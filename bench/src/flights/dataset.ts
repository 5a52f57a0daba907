import { findPackageJSON } from 'node:module'
import { dirname } from 'node:path'

/** The path of a file of `vega-datasets`. */
export function datasetFile(name: string): string {
  // The package exports only its code; the data is beside it.
  const home = findPackageJSON('vega-datasets', import.meta.url)
  if (home === undefined) throw new Error('The package vega-datasets is not installed: run npm ci')
  return `${dirname(home)}/data/${name}`
}
