import type { FastifyRequest } from 'fastify';
import { OtaError } from '../../core/errors.ts';
import type { TakenFile } from '../releases.ts';
import type { Service } from '../service.ts';
import { requireStorable } from '../texts.ts';

/** A form with one file in it. */
export interface UploadedForm {
  readonly file: TakenFile;
  readonly filename: string;
  readonly fields: Readonly<Record<string, string>>;
}

/**
 * Reads a form, its fields in any order; the file goes straight into the artifact store.
 *
 * @throws OtaError `request-invalid` without a file, and what taking a file in throws
 */
export async function readForm(service: Service, request: FastifyRequest): Promise<UploadedForm> {
  if (!request.isMultipart()) throw noFile();
  const fields: Record<string, string> = {};
  let file: TakenFile | undefined;
  let filename = 'firmware.bin';
  try {
    for await (const part of request.parts()) {
      requireStorable('the name of a field', part.fieldname);
      if (part.type === 'field') {
        fields[part.fieldname] = String(part.value);
        requireStorable(`the field ${part.fieldname}`, String(part.value));
      } else if (part.fieldname === 'file' || part.fieldname === 'firmware') {
        filename = baseName(part.filename);
        // A part that is given up in the middle ends the parsing.
        file = await service.releases.take(part.file).finally(() => part.file.destroy());
      } else {
        part.file.resume();
      }
    }
  } catch (error) {
    throw isFormError(error) ? brokenForm(error) : error;
  }
  if (file === undefined) throw noFile();
  return { file, filename, fields };
}

/** Some clients send the path on their own disk. */
function baseName(name: string): string {
  return name.split(/[/\\]/).at(-1) || 'firmware.bin';
}

/** The parser of forms throws errors that have no code and no class of their own. */
function isFormError(error: unknown): error is Error {
  return (
    error instanceof Error && Object.getPrototypeOf(error) === Error.prototype && !('code' in error)
  );
}

function brokenForm(cause: Error): OtaError {
  return new OtaError('request-invalid', `the form is broken: ${cause.message}`, {
    cause,
    hint: 'Send it again, whole: curl -F "file=@firmware.bin".',
  });
}

function noFile(): OtaError {
  return new OtaError('request-invalid', 'there is no file in the request', {
    hint: 'Send a form (multipart/form-data) with the field "file": curl -F "file=@firmware.bin".',
  });
}
