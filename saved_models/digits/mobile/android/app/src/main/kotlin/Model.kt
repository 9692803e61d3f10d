// MlpKeras on Android: put model_dynamic.tflite, labels.txt, model_personal.tflite into src/main/assets,
// and implementation("com.google.ai.edge.litert:litert:2.3.0") into build.gradle.kts, for a GPU also "com.google.ai.edge.litert:litert-gpu:2.3.0".

package org.example.mlpkeras

import android.content.Context
import android.graphics.Bitmap
import com.google.ai.edge.litert.Accelerator
import com.google.ai.edge.litert.BuiltinNpuAcceleratorProvider
import com.google.ai.edge.litert.CompiledModel
import com.google.ai.edge.litert.Environment
import com.google.ai.edge.litert.LiteRtException
import com.google.ai.edge.litert.TensorBuffer
import java.io.FileInputStream
import java.nio.ByteBuffer
import java.nio.ByteOrder
import java.nio.channels.FileChannel
import org.tensorflow.lite.Interpreter

/**
 * Takes image: uint8 (1, 8, 8, 1);
 * gives probabilities: float32 (1, 10).
 * Runs on the accelerator; what that cannot take, or all of it where there is none, runs on the CPU.
 */
class MlpKeras(
    context: Context,
    accelerator: Accelerator = Accelerator.CPU,
    asset: String = "model_dynamic.tflite",
) : AutoCloseable {
    private val model = Runner(
        context, asset, "serving_default", accelerator,
        listOf("image"),
        listOf("probabilities"),
    )
    private val labels = lines(context, "labels.txt")

    private fun run(inputs: Map<String, Any>): Map<String, TensorBuffer> = model.run(inputs)

    private fun best(probabilities: FloatArray) =
        labels.zip(probabilities.toList()).sortedByDescending { it.second }.take(3)

    /** The three most probable classes with their probabilities. */
    fun classify(photo: Bitmap): List<Pair<String, Float>> {
        val outputs = run(mapOf("image" to pixels(photo)))
        return best(outputs.getValue("probabilities").readFloat())
    }

    override fun close() {
        model.close()
    }

    /** A signature of a file, whose buffers are made once and used in every call. */
    private class Runner(
        context: Context,
        asset: String,
        private val signature: String,
        accelerator: Accelerator,
        inputs: List<String>,
        outputs: List<String>,
    ) : AutoCloseable {
        private val environment =
            if (accelerator == Accelerator.NPU) Environment.create(BuiltinNpuAcceleratorProvider(context)) else Environment.create()
        private val model = try {
            compile(context, asset, accelerator, Accelerator.CPU)
        } catch (refused: LiteRtException) {  // there is no such accelerator, or it takes nothing of this file
            compile(context, asset, Accelerator.CPU)
        }
        private val given = inputs.associateWith { model.createInputBuffer(it, signature) }
        private val made = outputs.associateWith { model.createOutputBuffer(it, signature) }

        private fun compile(context: Context, asset: String, vararg accelerators: Accelerator) =
            CompiledModel.create(context.assets, asset, CompiledModel.Options(*accelerators), environment)

        /** Arrays by name in; buffers by name out, which hold until the next call. */
        fun run(inputs: Map<String, Any>): Map<String, TensorBuffer> {
            for ((name, buffer) in given) {
                when (val values = inputs.getValue(name)) {
                    is FloatArray -> buffer.writeFloat(values)
                    is IntArray -> buffer.writeInt(values)
                    is ByteArray -> buffer.writeInt8(values)  // of uint8 the same bits
                }
            }
            model.run(given, made, signature)
            return made
        }

        override fun close() {
            (given.values + made.values).forEach { it.close() }
            model.close()
            environment.close()
        }
    }
}

/** Learns its owner's classes; 10 and above are spare ones. Keep the two arrays in a file of the app. */
class MlpKerasPersonal(context: Context) : AutoCloseable {
    private val model = load(context, "model_personal.tflite")

    private fun run(signature: String, inputs: Map<String, ByteBuffer>) =
        model.call(signature, inputs, SIZES.getValue(signature))

    fun probabilities(photo: Bitmap) = floats(run("infer", mapOf("image" to buffer(pixels(photo)))).getValue("probabilities"))

    /** One step on one photo; gives the loss before it. A few rounds over some ten photos a class are enough. */
    fun train(photo: Bitmap, label: Int, learningRate: Float = 0.1f) = floats(
        run(
            "train",
            mapOf(
                "image" to buffer(pixels(photo)),
                "label" to buffer(intArrayOf(label)),
                "learning_rate" to buffer(floatArrayOf(learningRate)),
            ),
        ).getValue("loss")
    )[0]

    /** "kernel" (96, 14) and "bias". */
    fun weights() = run("weights", emptyMap()).mapValues { floats(it.value) }

    fun restore(weights: Map<String, FloatArray>) {
        run("restore", weights.mapValues { buffer(it.value) })
    }

    override fun close() = model.close()

    private companion object {
        val SIZES = mapOf(
            "infer" to mapOf("probabilities" to 56),
            "train" to mapOf("loss" to 4),
            "weights" to mapOf("bias" to 56, "kernel" to 5376),
            "restore" to mapOf("done" to 4),
        )
    }
}

// CompiledModel does not train: what learns on the phone runs in the interpreter.
private fun load(context: Context, asset: String): Interpreter = context.assets.openFd(asset).use {
    val channel = FileInputStream(it.fileDescriptor).channel
    val content = channel.map(FileChannel.MapMode.READ_ONLY, it.startOffset, it.declaredLength)
    Interpreter(content, Interpreter.Options().setNumThreads(4))
}

private fun Interpreter.call(
    signature: String, inputs: Map<String, ByteBuffer>, sizes: Map<String, Int>
): Map<String, ByteBuffer> {
    val outputs = sizes.mapValues { bytes(it.value) }
    inputs.values.forEach { it.rewind() }
    runSignature(inputs, outputs, signature)
    return outputs.onEach { it.value.rewind() }
}

private fun bytes(size: Int) = ByteBuffer.allocateDirect(size).order(ByteOrder.nativeOrder())
private fun buffer(values: IntArray) = bytes(4 * values.size).apply { asIntBuffer().put(values) }
private fun buffer(values: FloatArray) = bytes(4 * values.size).apply { asFloatBuffer().put(values) }
private fun buffer(values: ByteArray) = bytes(values.size).apply { put(values) }
private fun floats(values: ByteBuffer) = values.asFloatBuffer().let { FloatArray(it.limit()).apply(it::get) }

/** uint8 (1, 8, 8, 1) in [0, 255]: the whole picture, stretched; the model normalizes. */
private fun pixels(photo: Bitmap): ByteArray {
    var scaled = photo
    while (scaled.width >= 16 && scaled.height >= 16) {  // in halves: no pixel is skipped
        scaled = Bitmap.createScaledBitmap(scaled, scaled.width / 2, scaled.height / 2, true)
    }
    scaled = Bitmap.createScaledBitmap(scaled, 8, 8, true)
    val colors = IntArray(8 * 8)
    scaled.getPixels(colors, 0, 8, 0, 0, 8, 8)
    val values = ByteArray(64)
    colors.forEachIndexed { place, color ->
        val rgb = intArrayOf(color shr 16 and 255, color shr 8 and 255, color and 255)
        values[place] = ((299 * rgb[0] + 587 * rgb[1] + 114 * rgb[2]) / 1000).toByte()
    }
    return values
}

private fun lines(context: Context, asset: String) =
    context.assets.open(asset).bufferedReader().readText().split("\n").dropLast(1)
