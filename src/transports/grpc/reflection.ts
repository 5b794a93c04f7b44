import { create, type DescFile, fromBinary, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import { FileDescriptorProtoSchema } from '@bufbuild/protobuf/wkt';
import { StoreError } from '#src/domain/errors.ts';
import { quoted } from '#src/domain/model/printable.ts';
import type { Bytes } from '#src/domain/model/units.ts';
import {
  type ServerReflectionRequest,
  ServerReflectionRequestSchema,
  ServerReflectionResponseSchema,
} from '#src/transports/gen/grpc/reflection/v1/reflection_pb.ts';
import { failureOf, grpcStatusOf } from '#src/transports/http/errors.ts';
import type { StreamingMethod } from './streaming.ts';

/** The versions differ in the name of their package only. */
export const reflectionPaths: readonly string[] = ['v1', 'v1alpha'].map(
  (version) => `/grpc.reflection.${version}.ServerReflection/ServerReflectionInfo`,
);

/**
 * Tells tools what is served: the services, and the schemas of their messages.
 *
 * @param files with the services that are served; what they import is found by itself
 */
export function reflectionMethod(files: readonly DescFile[], messageBytesMax: Bytes): StreamingMethod {
  const index = new SchemaIndex(files);
  return {
    limit: { bytesMax: messageBytesMax, name: 'the limit of stream messages', reason: 'message_limit' },
    async serve(stream) {
      for (let message = await stream.read(); message !== undefined; message = await stream.read()) {
        const request = decode(message);
        const response = create(ServerReflectionResponseSchema, {
          validHost: request.host,
          originalRequest: request,
          messageResponse: index.answer(request),
        });
        await stream.write(toBinary(ServerReflectionResponseSchema, response));
        if (stream.signal.aborted) throw stream.signal.reason;
      }
    },
  };
}

function decode(message: Uint8Array): ServerReflectionRequest {
  try {
    return fromBinary(ServerReflectionRequestSchema, message);
  } catch {
    throw new StoreError('invalid-argument', 'the message is no ServerReflectionRequest');
  }
}

type MessageResponse = NonNullable<MessageInitShape<typeof ServerReflectionResponseSchema>['messageResponse']>;

class SchemaIndex {
  readonly #services: readonly string[];
  readonly #byName = new Map<string, DescFile>();
  /** Full names of messages, enums, services, and of what they contain. */
  readonly #bySymbol = new Map<string, DescFile>();
  readonly #closures = new Map<DescFile, Uint8Array[]>();

  constructor(files: readonly DescFile[]) {
    this.#services = files.flatMap((file) => file.services.map(({ typeName }) => typeName)).sort();
    for (const file of files) for (const one of closureOf(file)) this.#add(one);
  }

  answer({ messageRequest: { case: kind, value } }: ServerReflectionRequest): MessageResponse {
    switch (kind) {
      case 'listServices':
        return { case: 'listServicesResponse', value: { service: this.#services.map((name) => ({ name })) } };
      case 'fileByFilename':
        return this.#fileResponse(this.#byName.get(value), `no file ${quoted(value)}`);
      case 'fileContainingSymbol':
        return this.#fileResponse(this.#bySymbol.get(value), `no symbol ${quoted(value)}`);
      case 'allExtensionNumbersOfType':
        if (!this.#bySymbol.has(value)) return failed('not-found', `no type ${quoted(value)}`);
        return { case: 'allExtensionNumbersResponse', value: { baseTypeName: value } };
      case 'fileContainingExtension':
        return failed('not-found', 'no message has extensions');
      default:
        return failed('invalid-argument', 'the message asks for nothing');
    }
  }

  #fileResponse(file: DescFile | undefined, problem: string): MessageResponse {
    if (file === undefined) return failed('not-found', problem);
    let fileDescriptorProto = this.#closures.get(file);
    if (fileDescriptorProto === undefined) {
      fileDescriptorProto = closureOf(file).map(({ proto }) => toBinary(FileDescriptorProtoSchema, proto));
      this.#closures.set(file, fileDescriptorProto);
    }
    return { case: 'fileDescriptorResponse', value: { fileDescriptorProto } };
  }

  #add(file: DescFile): void {
    this.#byName.set(file.proto.name, file);
    for (const { typeName, methods } of file.services) {
      this.#bySymbol.set(typeName, file);
      for (const { name } of methods) this.#bySymbol.set(`${typeName}.${name}`, file);
    }
    for (const message of file.messages) this.#addMessage(message, file);
    for (const one of file.enums) this.#addEnum(one, file);
  }

  #addMessage(message: DescFile['messages'][number], file: DescFile): void {
    this.#bySymbol.set(message.typeName, file);
    for (const { name } of message.fields) this.#bySymbol.set(`${message.typeName}.${name}`, file);
    for (const { name } of message.oneofs) this.#bySymbol.set(`${message.typeName}.${name}`, file);
    for (const nested of message.nestedMessages) this.#addMessage(nested, file);
    for (const nested of message.nestedEnums) this.#addEnum(nested, file);
  }

  /** The values of an enum are named as if they stood beside it. */
  #addEnum({ typeName, values }: DescFile['enums'][number], file: DescFile): void {
    this.#bySymbol.set(typeName, file);
    const scope = typeName.slice(0, typeName.lastIndexOf('.') + 1);
    for (const { name } of values) this.#bySymbol.set(`${scope}${name}`, file);
  }
}

/** A file and everything that it imports, itself first. */
function closureOf(file: DescFile): readonly DescFile[] {
  const files = new Set([file]);
  for (const one of files) for (const imported of one.dependencies) files.add(imported);
  return [...files];
}

function failed(code: 'not-found' | 'invalid-argument', errorMessage: string): MessageResponse {
  const { code: name } = failureOf(new StoreError(code, errorMessage));
  return { case: 'errorResponse', value: { errorCode: grpcStatusOf(name), errorMessage } };
}
