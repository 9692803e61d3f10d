package org.example.mlpkeras

import android.Manifest
import android.content.pm.PackageManager
import android.graphics.Bitmap
import android.graphics.Matrix
import android.os.Bundle
import android.view.ViewGroup
import android.widget.Button
import android.widget.LinearLayout
import android.widget.TextView
import androidx.activity.ComponentActivity
import androidx.activity.result.contract.ActivityResultContracts
import androidx.camera.core.CameraSelector
import androidx.camera.core.ImageAnalysis
import androidx.camera.core.ImageProxy
import androidx.camera.core.Preview
import androidx.camera.lifecycle.ProcessCameraProvider
import androidx.camera.view.PreviewView
import androidx.core.content.ContextCompat
import java.io.DataInputStream
import java.io.DataOutputStream
import java.io.File
import java.util.concurrent.Executors
import kotlin.math.roundToInt

/** What the camera sees, and what MlpKeras makes of it; a button teaches it a class of its owner's. */
class MainActivity : ComponentActivity() {
    private val worker = Executors.newSingleThreadExecutor()  // of the model, which serves one call at a time
    private lateinit var model: MlpKeras
    private lateinit var answer: TextView
    private lateinit var personal: MlpKerasPersonal
    private lateinit var labels: List<String>
    private lateinit var last: Bitmap
    private val taught = mutableListOf<Pair<Bitmap, Int>>()
    private var knowsMore = false
    private val kept get() = File(filesDir, "taught")

    override fun onCreate(savedInstanceState: Bundle?) {
        super.onCreate(savedInstanceState)
        worker.execute {
            model = MlpKeras(this)
            personal = MlpKerasPersonal(this)
            labels = assets.open("labels.txt").bufferedReader().readLines() + List(4) { "new ${it + 1}" }
            if (kept.exists()) recall()
        }
        val view = PreviewView(this).apply { scaleType = PreviewView.ScaleType.FIT_CENTER }  // all that the model sees
        answer = TextView(this).apply {
            textSize = 20f
            setPadding(32, 32, 32, 32)
        }
        val page = LinearLayout(this).apply {
            orientation = LinearLayout.VERTICAL
            fitsSystemWindows = true
            addView(view, LinearLayout.LayoutParams(ViewGroup.LayoutParams.MATCH_PARENT, 0, 1f))
            addView(answer)
            addView(buttons())
        }
        setContentView(page)
        val permission = registerForActivityResult(ActivityResultContracts.RequestPermission()) { granted ->
            if (granted) watch(view) else answer.text = "Allow the camera in the settings of this app."
        }
        if (checkSelfPermission(Manifest.permission.CAMERA) == PackageManager.PERMISSION_GRANTED) {
            watch(view)
        } else {
            permission.launch(Manifest.permission.CAMERA)
        }
    }

    private fun watch(view: PreviewView) {
        val cameras = ProcessCameraProvider.getInstance(this)
        cameras.addListener({
            val preview = Preview.Builder().build()
            preview.setSurfaceProvider(view.surfaceProvider)
            val frames = ImageAnalysis.Builder().setBackpressureStrategy(ImageAnalysis.STRATEGY_KEEP_ONLY_LATEST).build()
            frames.setAnalyzer(worker) { frame -> frame.use { show(upright(it)) } }
            cameras.get().bindToLifecycle(this, CameraSelector.DEFAULT_BACK_CAMERA, preview, frames)
        }, ContextCompat.getMainExecutor(this))
    }

    private fun upright(frame: ImageProxy): Bitmap {
        val picture = frame.toBitmap()
        val turn = Matrix().apply { postRotate(frame.imageInfo.rotationDegrees.toFloat()) }
        return Bitmap.createBitmap(picture, 0, 0, picture.width, picture.height, turn, true)
    }

    private fun show(photo: Bitmap) {
        last = photo
        val said = answer(photo)
        runOnUiThread { answer.text = said }
    }

    private fun answer(photo: Bitmap): String {
        val chances =
            if (knowsMore) labels.zip(personal.probabilities(photo).toList()).sortedByDescending { it.second }.take(3)
            else model.classify(photo)
        return chances.joinToString("\n") { (label, probability) -> "$label  ${(100 * probability).roundToInt()} %" }
    }

    /** A button for each spare class: a tap takes what the camera sees as a photo of it. Some ten photos are enough. */
    private fun buttons() = LinearLayout(this).apply {
        for (label in 10 until 14) {
            val button = Button(context).apply { text = "teach ${label - 9}" }
            button.setOnClickListener { worker.execute { teach(label) } }
            addView(button)
        }
    }

    private fun teach(label: Int) {
        if (!::last.isInitialized) return  // no picture yet
        taught += last to label
        for ((photo, its) in taught) personal.train(photo, its)
        knowsMore = true
        DataOutputStream(kept.outputStream().buffered()).use { file ->
            for ((name, values) in personal.weights().toSortedMap()) {
                file.writeUTF(name)
                file.writeInt(values.size)
                values.forEach(file::writeFloat)
            }
        }
    }

    /** What was taught before. */
    private fun recall() {
        val weights = DataInputStream(kept.inputStream().buffered()).use { file ->
            List(2) { file.readUTF() to FloatArray(file.readInt()) { file.readFloat() } }.toMap()
        }
        personal.restore(weights)
        knowsMore = true
    }

    override fun onDestroy() {
        worker.execute {
            model.close()
            personal.close()
        }
        worker.shutdown()
        super.onDestroy()
    }
}
