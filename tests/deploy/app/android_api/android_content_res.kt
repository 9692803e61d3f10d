package android.content.res

import java.io.Closeable
import java.io.FileDescriptor
import java.io.InputStream

class AssetManager {
    fun open(fileName: String): InputStream = TODO()
    fun openFd(fileName: String): AssetFileDescriptor = TODO()
}

class AssetFileDescriptor : Closeable {
    val fileDescriptor: FileDescriptor = TODO()
    val startOffset: Long = TODO()
    val declaredLength: Long = TODO()
    override fun close(): Unit = TODO()
}
