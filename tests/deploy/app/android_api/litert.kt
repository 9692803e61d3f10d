// Signatures of com.google.ai.edge.litert:litert 2.3 that generated code may use, of its published sources.
// https://github.com/google-ai-edge/LiteRT/tree/main/litert/kotlin/src/main/kotlin/com/google/ai/edge/litert

package com.google.ai.edge.litert

import android.content.Context
import android.content.res.AssetManager

class LiteRtException(code: Int, message: String) : Exception(message)

enum class Accelerator { NONE, CPU, GPU, NPU }

abstract class JniHandle internal constructor() : AutoCloseable {
    final override fun close() = Unit
}

interface NpuAcceleratorProvider

class BuiltinNpuAcceleratorProvider(context: Context) : NpuAcceleratorProvider

class Environment private constructor() : JniHandle() {
    companion object {
        fun create(options: Map<String, String> = mapOf()): Environment = TODO()
        fun create(npuAcceleratorProvider: NpuAcceleratorProvider, options: Map<String, String> = mapOf()): Environment = TODO()
    }
}

class TensorBuffer internal constructor() : JniHandle() {
    fun writeInt(data: IntArray): Unit = TODO()
    fun writeFloat(data: FloatArray): Unit = TODO()
    fun writeInt8(data: ByteArray): Unit = TODO()
    fun writeBoolean(data: BooleanArray): Unit = TODO()
    fun writeLong(data: LongArray): Unit = TODO()
    fun readInt(): IntArray = TODO()
    fun readFloat(): FloatArray = TODO()
    fun readInt8(): ByteArray = TODO()
    fun readBoolean(): BooleanArray = TODO()
    fun readLong(): LongArray = TODO()
}

class CompiledModel private constructor() : JniHandle() {
    class Options(accelerators: Set<Accelerator>) {
        constructor(vararg accelerators: Accelerator) : this(setOf(*accelerators))
    }

    fun createInputBuffer(inputName: String, signature: String? = null): TensorBuffer = TODO()
    fun createOutputBuffer(outputName: String, signature: String? = null): TensorBuffer = TODO()
    fun createInputBuffers(signatureIndex: Int = 0): List<TensorBuffer> = TODO()
    fun createOutputBuffers(signatureIndex: Int = 0): List<TensorBuffer> = TODO()
    fun run(inputs: List<TensorBuffer>, outputs: List<TensorBuffer>, signature: String): Unit = TODO()
    fun run(inputs: Map<String, TensorBuffer>, outputs: Map<String, TensorBuffer>, signature: String? = null): Unit = TODO()

    companion object {
        fun create(
            assetManager: AssetManager,
            assetName: String,
            options: Options = Options(Accelerator.CPU),
            optionalEnv: Environment? = null,
        ): CompiledModel = TODO()
    }
}
