// Of the interpreter, which litert 2.3 has beside CompiledModel.

package org.tensorflow.lite

import java.nio.ByteBuffer

class Interpreter(model: ByteBuffer, options: Options) : AutoCloseable {
    class Options {
        fun setNumThreads(threads: Int): Options = TODO()
    }

    fun runSignature(inputs: Map<String, Any>, outputs: Map<String, Any>, signature: String): Unit = TODO()
    override fun close(): Unit = TODO()
}
