import { OtaError } from '../errors.ts';
import { isSecretKey } from '../secrets.ts';
import { eachText, type Settings } from './channel.ts';

/**
 * Refuses to write a secret into a release manifest, which is committed and published.
 *
 * @throws OtaError `secret-literal`
 */
export function requireNoLiteralSecrets(overrides: Settings): void {
  const places: string[] = [];
  eachText(overrides, (text, path) => {
    const secret = isSecretKey(path.split('.').at(-1) ?? '');
    if (secret && !/\$\{[A-Za-z_][A-Za-z0-9_]*\}/.test(text)) places.push(path);
  });
  if (places.length === 0) return;
  throw new OtaError('secret-literal', 'a release manifest must not hold secrets', {
    details: places,
    hint: "Write a placeholder, for example --set 'mqtt.password=${MQTT_PASSWORD}', and set the variable when you deploy.",
  });
}
