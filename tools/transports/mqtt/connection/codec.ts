/** Loads what turns MQTT packets into bytes and back. */
export async function loadCodec(): Promise<typeof import('mqtt-packet')> {
  const codec = await import('mqtt-packet');
  // It would encode all numbers up to 65,535 ahead, which takes longer than connecting; we need a handful.
  codec.writeToStream.cacheNumbers = false;
  return codec;
}
