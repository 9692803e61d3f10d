package androidx.core.content

import android.content.Context
import java.util.concurrent.Executor

class ContextCompat {
    companion object {
        fun getMainExecutor(context: Context): Executor = TODO()
    }
}
