import type { SchemaObject, ValidateFunction } from 'ajv';
import { Ajv2020 } from 'ajv/dist/2020.js';

/** One options object for run-time and build-time compilation, so both report the same problems. */
export const ajvOptions = {
  allErrors: true,
  verbose: true,
  strict: true,
  allowUnionTypes: true,
} as const;

/**
 * Compiles a JSON Schema (draft 2020-12) that carries an `$id`.
 *
 * The bundled command line swaps this module for validators compiled at build time
 * (`scripts/build.ts`): compiling takes longer than everything else `ota package` does.
 */
export function compileSchema(schema: SchemaObject): ValidateFunction {
  return new Ajv2020(ajvOptions).compile(schema);
}
