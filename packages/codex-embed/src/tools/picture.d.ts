/** Pictures that the runtime can read: what else it is given, it leaves out without an error (measured). */
/**
 * Brings a picture to the data URL that the runtime reads. Its media type is that of the bytes, whatever was declared.
 *
 * @param picture - a `data:` URL, bytes or a Blob; anything else is refused.
 * @throws UsageError for what the runtime would leave out.
 */
export declare function toPictureUrl(picture: unknown): Promise<string>;
/**
 * The media type of a picture.
 *
 * @param what - what the bytes are, for the message: `The image`, or a path.
 * @throws UsageError for bytes that the runtime cannot read.
 */
export declare function checkPicture(bytes: Buffer, what: string): string;
